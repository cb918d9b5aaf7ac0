namespace FedSpine.Engine.Models;

/// <summary>Hugging Face checkpoint names of a family.</summary>
public static class ModelNames
{
    /// <summary>"roberta.encoder.layer.3", "model.layers.3".</summary>
    public static string Layer(ModelFamily family, int layer) => family switch
    {
        ModelFamily.Llama => $"model.layers.{layer}",
        _ => $"{Prefix(family)}.encoder.layer.{layer}",
    };

    public static string Prefix(ModelFamily family) => family switch
    {
        ModelFamily.Roberta => "roberta",
        ModelFamily.Bert => "bert",
        _ => "model",
    };

    /// <summary>Module name inside a layer: "attention.self.query", "self_attn.q_proj". Also what PEFT lists as target module.</summary>
    public static string Linear(ModelFamily family, LinearRole role) => (family == ModelFamily.Llama, role) switch
    {
        (true, LinearRole.Query) => "self_attn.q_proj",
        (true, LinearRole.Key) => "self_attn.k_proj",
        (true, LinearRole.Value) => "self_attn.v_proj",
        (true, LinearRole.Output) => "self_attn.o_proj",
        (true, LinearRole.Gate) => "mlp.gate_proj",
        (true, LinearRole.Up) => "mlp.up_proj",
        (true, LinearRole.Down) => "mlp.down_proj",
        (false, LinearRole.Query) => "attention.self.query",
        (false, LinearRole.Key) => "attention.self.key",
        (false, LinearRole.Value) => "attention.self.value",
        (false, LinearRole.Output) => "attention.output.dense",
        (false, LinearRole.Up) => "intermediate.dense",
        (false, LinearRole.Down) => "output.dense",
        _ => throw new ArgumentException($"a {family} block has no {role} layer", nameof(role)),
    };
}
