using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>
/// A SentencePiece BPE model as tokenizer.json holds it, converted by Hugging Face's tools: blanks become '▁' in the normalizer
/// (Prepend, Replace) or in the Metaspace pre-tokenizer, merges are listed, characters without a token are spelled in bytes.
/// </summary>
internal static class SentencePieceJson
{
    private const string Blank = "▁";

    /// <summary>Whether the file is of this kind, and not byte-level.</summary>
    public static bool Is(JsonFields root, JsonFields model) =>
        model.String("type") is "BPE" or null && (model.Bool("byte_fallback", false) || root.Object("pre_tokenizer")?.String("type") == "Metaspace");

    /// <param name="merges">"left right", best first.</param>
    /// <param name="silent">Ids that no text becomes and that become no text.</param>
    /// <exception cref="InputException">Text is prepared in ways that are not supported, or a merge names a token that is not there.</exception>
    public static SentencePiece Read(string file, JsonFields root, JsonFields model, TokenTable table, IReadOnlyList<string> merges, IReadOnlySet<int> silent)
    {
        string? unknown = model.String("unk_token");
        if (model.Bool("ignore_merges", false))
            throw model.Error("ignore_merges", "is true, which is not supported for SentencePiece BPE");
        var pieces = new List<Piece>();
        for (int id = 0; id < table.Size; id++)
        {
            string text = table.TokenOf(id) ?? throw InputException.InFile(file, $"no token has the id {id}");
            bool isByte = text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>';
            pieces.Add(new Piece(text, 0, text == unknown ? PieceKind.Unknown : silent.Contains(id) ? PieceKind.Control : isByte ? PieceKind.Byte : PieceKind.Normal));
        }

        var ranks = new Dictionary<long, int>(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
        {
            int blank = merges[rank].IndexOf(' ', StringComparison.Ordinal);
            int Id(string token) => table.IdOf(token) ?? throw model.Error($"merges[{rank}]", $"names {TokenTable.Quoted(token)}, which is no token");
            if (blank < 0)
                throw model.Error($"merges[{rank}]", $"is {TokenTable.Quoted(merges[rank])}, expected a pair of tokens");
            ranks.TryAdd(((long)Id(merges[rank][..blank]) << 32) + Id(merges[rank][(blank + 1)..]), rank);
        }

        return new SentencePiece(new SentencePieceModel
        {
            Pieces = pieces,
            Merges = ranks,
            ByteFallback = model.Bool("byte_fallback", false),
            AddDummyPrefix = AddsPrefix(root),
            RemoveExtraBlanks = false,
        }, file);
    }

    private static bool AddsPrefix(JsonFields root)
    {
        bool prefix = false, replaced = false;
        foreach (JsonFields step in Steps(root, "normalizer", "normalizers"))
        {
            switch (step.String("type"))
            {
                case "Prepend" when step.String("prepend") == Blank:
                    prefix = true;
                    break;
                case "Replace" when step.Object("pattern")?.String("String") == " " && step.String("content") == Blank:
                    replaced = true;
                    break;
                case var other:
                    throw step.Error("type", $"is {other ?? "missing"}: this normalizer is not supported for SentencePiece BPE");
            }
        }

        foreach (JsonFields step in Steps(root, "pre_tokenizer", "pretokenizers"))
        {
            // "first" differs from "always" only after an added token.
            string scheme = step.String("prepend_scheme") ?? (step.Bool("add_prefix_space", true) ? "always" : "never");
            if (step.String("type") != "Metaspace" || step.String("replacement") != Blank || scheme is not ("always" or "first" or "never"))
                throw step.Error("type", $"is {step.String("type") ?? "missing"}: this pre-tokenizer is not supported for SentencePiece BPE");
            if (step.Bool("split", true))
                throw step.Error("split", "is true: words kept apart are not supported for SentencePiece BPE");
            prefix |= scheme != "never";
            replaced = true;
        }

        return replaced ? prefix : throw root.Error("normalizer", "does not turn blanks into '▁'");
    }

    private static IReadOnlyList<JsonFields> Steps(JsonFields root, string field, string list) =>
        root.Object(field) is not { } step ? [] : step.String("type") == "Sequence" ? step.Objects(list) : [step];
}
