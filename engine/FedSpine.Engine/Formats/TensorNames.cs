using FedSpine.Engine.Models;

namespace FedSpine.Engine.Formats;

/// <summary>Names under which a parameter is found in checkpoints that people have, and tensors that may be there unused.</summary>
internal static class TensorNames
{
    /// <summary>Every head that a checkpoint of the families may carry, besides the one that is loaded.</summary>
    private static readonly string[] HeadPrefixes = ["classifier.", "score.", "lm_head.", "cls.", "qa_outputs.", "pooler."];

    /// <summary>Derived or tied: dropping them loses nothing.</summary>
    private static readonly string[] RedundantEndings = [".position_ids", "embeddings.token_type_ids", ".rotary_emb.inv_freq"];

    /// <summary>
    /// The name itself, then without the base's prefix (saved from RobertaModel), then with TensorFlow's gamma and beta; for a
    /// vocabulary bias, and for a decoder's tied word table, also the tied twin.
    /// </summary>
    public static IEnumerable<string> Candidates(ModelSpec spec, string name)
    {
        var family = spec.Family;
        yield return name;
        string prefix = ModelNames.Prefix(family) + ".";
        string bare = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        if (bare != name)
            yield return bare;
        if (name.EndsWith("LayerNorm.weight", StringComparison.Ordinal) || name.EndsWith("LayerNorm.bias", StringComparison.Ordinal))
        {
            foreach (string full in (string[])[name, bare])
                yield return full.EndsWith("weight", StringComparison.Ordinal) ? full[..^"weight".Length] + "gamma" : full[..^"bias".Length] + "beta";
        }

        if (name is "lm_head.bias" or "cls.predictions.bias")
            yield return name[..^"bias".Length] + "decoder.bias";
        if (spec is { TieWordEmbeddings: true, Head: ModelHead.CausalLm } && name == "model.embed_tokens.weight")
            yield return "lm_head.weight";
    }

    /// <summary>Whether the tensor says nothing that the model does not already hold.</summary>
    public static bool IsRedundant(ModelSpec spec, string name) =>
        RedundantEndings.Any(e => name.EndsWith(e, StringComparison.Ordinal))
        || name is "lm_head.decoder.bias" or "cls.predictions.decoder.bias"
        || (spec.TieWordEmbeddings && name is "lm_head.weight" or "lm_head.decoder.weight" or "cls.predictions.decoder.weight");

    /// <summary>Whether the tensor belongs to a head (or pooler), and not to the encoder or decoder below it.</summary>
    public static bool IsOfHead(ModelFamily family, string name)
    {
        string prefix = ModelNames.Prefix(family) + ".";
        string bare = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        return HeadPrefixes.Any(p => bare.StartsWith(p, StringComparison.Ordinal));
    }

    /// <summary>Whether the tensor would sit inside the encoder or decoder.</summary>
    public static bool IsOfBase(ModelFamily family, string name)
    {
        string prefix = ModelNames.Prefix(family) + ".";
        string bare = name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
        return bare != name || bare.StartsWith("embeddings.", StringComparison.Ordinal) || bare.StartsWith("encoder.", StringComparison.Ordinal)
            || bare.StartsWith("layers.", StringComparison.Ordinal);
    }
}
