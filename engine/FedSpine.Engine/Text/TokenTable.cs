using System.Text;
using System.Text.Json;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Text;

/// <summary>Tokens and their ids. Ids may have holes; a token has one id and an id one token.</summary>
internal sealed class TokenTable
{
    /// <summary>No tokenizer of the supported kinds comes near; a larger id is a damaged file.</summary>
    private const int MaxIds = 1 << 22;

    private const int MostHoles = 1 << 16;

    private readonly string _file;
    private readonly Dictionary<string, int> _ids = [];
    private readonly Dictionary<int, string> _tokens = [];

    public TokenTable(string file) => _file = file;

    /// <summary>The file it was read from, for messages.</summary>
    public string File => _file;

    /// <summary>One more than the largest id: the rows that an embedding table must have.</summary>
    public int Size { get; private set; }

    public IEnumerable<KeyValuePair<string, int>> Entries => _ids;

    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    public string? TokenOf(int id) => _tokens.GetValueOrDefault(id);

    /// <summary>The object of "token": id in vocab.json and tokenizer.json.</summary>
    public static TokenTable FromJson(string file, JsonElement vocabulary)
    {
        if (vocabulary.ValueKind != JsonValueKind.Object)
            throw InputException.InFile(file, "the vocabulary is not a JSON object of tokens and ids");
        var table = new TokenTable(file);
        foreach (JsonProperty entry in vocabulary.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id))
                throw InputException.InFile(file, $"token {Quoted(entry.Name)} has id {JsonFields.Short(entry.Value)}, expected an integer");
            table.Add(entry.Name, id);
        }
        return table.NotEmpty();
    }

    /// <summary>vocab.txt: one token a line, ids are line numbers from 0.</summary>
    public static TokenTable FromLines(string file)
    {
        string[] lines = TextFile.ReadUtf8(file).TrimEnd('\r', '\n').Split('\n');
        var table = new TokenTable(file);
        for (int id = 0; id < lines.Length; id++)
            table.Add(lines[id].TrimEnd('\r'), id);
        return table.NotEmpty();
    }

    /// <exception cref="InputException">The token or the id is taken, or the id is out of range.</exception>
    public void Add(string token, int id)
    {
        if (id is < 0 or >= MaxIds)
            throw InputException.InFile(_file, $"token {Quoted(token)} has id {id}, expected 0 to {MaxIds - 1}");
        if (!_ids.TryAdd(token, id))
            throw InputException.InFile(_file, $"token {Quoted(token)} occurs twice, with ids {_ids[token]} and {id}");
        if (!_tokens.TryAdd(id, token))
            throw InputException.InFile(_file, $"id {id} is given to two tokens, {Quoted(_tokens[id])} and {Quoted(token)}");
        Size = Math.Max(Size, id + 1);
    }

    /// <summary>The vocab.txt that the package reads. Holes and tokens with line breaks become lines that no word can equal.</summary>
    /// <exception cref="InputException">Nearly all of the ids are holes: a damaged file.</exception>
    public MemoryStream ToLines()
    {
        if (Size > MostHoles + 4L * _ids.Count)
            throw InputException.InFile(_file, $"{_ids.Count} tokens have ids up to {Size - 1}");
        var lines = new StringBuilder();
        for (int id = 0; id < Size; id++)
            lines.Append(TokenOf(id) is string token && token.AsSpan().IndexOfAny('\r', '\n') < 0 ? token : $" {id}").Append('\n');
        return new MemoryStream(Encoding.UTF8.GetBytes(lines.ToString()));
    }

    public static string Quoted(string token) => $"\"{(token.Length <= 40 ? token : token[..40] + "...").ReplaceLineEndings(" ")}\"";

    private TokenTable NotEmpty() => Size > 0 ? this : throw InputException.InFile(_file, "the vocabulary is empty");
}
