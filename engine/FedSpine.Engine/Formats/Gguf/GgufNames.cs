using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats.Gguf;

/// <summary>Names of a LLaMA-family model in GGUF files: tensors, metadata keys.</summary>
internal static class GgufNames
{
    public const string Words = "token_embd.weight", Output = "output.weight", RopeFactors = "rope_freqs.weight";

    private static readonly (string Checkpoint, string Gguf)[] Modules =
    [
        ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
        ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
    ];

    /// <summary>"model.layers.3.self_attn.q_proj.weight" is "blk.3.attn_q.weight"; null for what GGUF has no place for.</summary>
    public static string? OfParameter(Parameter parameter)
    {
        switch (parameter.Name)
        {
            case "model.embed_tokens.weight":
                return Words;
            case "model.norm.weight":
                return "output_norm.weight";
            case "lm_head.weight":
                return Output;
        }

        string prefix = $"{ModelNames.Layer(ModelFamily.Llama, parameter.Layer)}.";
        if (parameter.Layer < 0 || !parameter.Name.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        int suffix = parameter.Name.LastIndexOf('.');
        string module = parameter.Name[prefix.Length..suffix];
        string? name = Modules.FirstOrDefault(m => m.Checkpoint == module).Gguf;
        return name is null ? null : $"blk.{parameter.Layer}.{name}{parameter.Name[suffix..]}";
    }

    /// <summary>Whether the rows of the parameter belong to rotated heads: q and k, weights and biases.</summary>
    public static bool IsRotated(Parameter parameter) =>
        parameter.Name.Contains(".q_proj.", StringComparison.Ordinal) || parameter.Name.Contains(".k_proj.", StringComparison.Ordinal);
}
