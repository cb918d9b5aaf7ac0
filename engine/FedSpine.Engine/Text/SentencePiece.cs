using System.Text;
using Microsoft.ML.Tokenizers;

namespace FedSpine.Engine.Text;

/// <summary>SentencePiece's BPE (LLaMA 2, Mistral): blanks are '▁', characters without a token are spelled in bytes.</summary>
internal sealed class SentencePiece : ITextCodec
{
    private readonly LlamaTokenizer _tokenizer;
    private readonly HashSet<int> _known;

    private SentencePiece(LlamaTokenizer tokenizer, TokenTable table)
    {
        _tokenizer = tokenizer;
        _known = [.. tokenizer.Vocabulary.Values];
        Table = table;
    }

    public TokenTable Table { get; }

    /// <exception cref="InputException">Not a SentencePiece model of the BPE kind.</exception>
    public static SentencePiece Read(string file)
    {
        LlamaTokenizer tokenizer;
        try
        {
            using FileStream stream = File.OpenRead(file);
            tokenizer = LlamaTokenizer.Create(stream, addBeginOfSentence: false, addEndOfSentence: false);
        }
        catch (Exception e) when (e is not OutOfMemoryException) // the package's reader throws whatever a damaged file leads it to
        {
            throw InputException.InFile(file, $"not a SentencePiece BPE model: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        var table = new TokenTable(file);
        foreach ((string token, int id) in tokenizer.Vocabulary)
            table.Add(token, id);
        if (table.Size == 0)
            throw InputException.InFile(file, "the vocabulary is empty");
        return new SentencePiece(tokenizer, table);
    }

    public SpecialTokens Specials(SpecialTokens named) => named with
    {
        Bos = InTable(_tokenizer.BeginningOfSentenceId),
        Eos = InTable(_tokenizer.EndOfSentenceId),
        Unk = InTable(_tokenizer.UnknownId),
    };

    public IReadOnlyList<int> Encode(string text) => _tokenizer.EncodeToIds(text);

    /// <summary>The package decodes its own ids; tokens added to the table stand for themselves.</summary>
    public string Decode(IReadOnlyList<int> ids)
    {
        var text = new StringBuilder();
        var run = new List<int>();
        foreach (int id in ids)
        {
            if (_known.Contains(id))
            {
                run.Add(id);
                continue;
            }
            text.Append(_tokenizer.Decode(run)).Append(Table.TokenOf(id));
            run.Clear();
        }
        return text.Append(_tokenizer.Decode(run)).ToString();
    }

    private int? InTable(int id) => Table.TokenOf(id) is null ? null : id;
}
