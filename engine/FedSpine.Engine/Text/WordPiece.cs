using System.Text;
using Microsoft.ML.Tokenizers;

namespace FedSpine.Engine.Text;

/// <summary>WordPiece (BERT): the longest known piece first, word by word; a word with an unknown piece is [UNK].</summary>
internal sealed class WordPiece : ITextCodec
{
    private readonly WordPieceTokenizer _tokenizer;
    private readonly TokenTable _table;
    private readonly string _prefix;

    /// <exception cref="InputException">The table lacks the unknown token.</exception>
    public WordPiece(TokenTable table, BertNormalizer normalizer, string unknown, string prefix)
    {
        _table = table;
        _prefix = prefix;
        if (table.IdOf(unknown) is null)
            throw InputException.InFile(table.File, $"the vocabulary has no {TokenTable.Quoted(unknown)}");
        try
        {
            _tokenizer = WordPieceTokenizer.Create(table.ToLines(), new WordPieceOptions
            {
                Normalizer = normalizer,
                PreTokenizer = new BertPreTokenizer(),
                UnknownToken = unknown,
                ContinuingSubwordPrefix = prefix,
            });
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw InputException.InFile(table.File, e.Message.ReplaceLineEndings(" "), e);
        }
    }

    public IReadOnlyList<int> Encode(string text) => _tokenizer.EncodeToIds(text);

    /// <summary>Words separated by blanks, marks attached to the word before, as Hugging Face's decoder cleans up.</summary>
    public string Decode(IReadOnlyList<int> ids)
    {
        var text = new StringBuilder();
        foreach (int id in ids)
        {
            string token = _table.TokenOf(id)!;
            if (_prefix.Length > 0 && token.StartsWith(_prefix, StringComparison.Ordinal) && text.Length > 0)
                text.Append(token, _prefix.Length, token.Length - _prefix.Length);
            else if (text.Length == 0 || token is "." or "," or "?" or "!")
                text.Append(token);
            else
                text.Append(' ').Append(token);
        }
        return text.ToString();
    }
}
