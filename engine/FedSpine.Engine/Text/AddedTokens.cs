namespace FedSpine.Engine.Text;

/// <summary>A token beyond the model's own vocabulary, as tokenizer.json and added_tokens_decoder describe it.</summary>
/// <param name="Normalized">Looked for in the normalised text, in its own normalised form.</param>
/// <param name="SingleWord">Only where no letter, digit or underscore is next to it.</param>
/// <param name="StripLeft">White space before it goes.</param>
/// <param name="StripRight">White space after it goes.</param>
internal sealed record AddedToken(int Id, string Content, bool Normalized, bool SingleWord, bool StripLeft, bool StripRight);

/// <summary>
/// Cuts added tokens out of text, the leftmost and of these the longest first, and leaves what is between them to the codec, as
/// Hugging Face does. Only tokens that are not special: those never come out of text.
/// </summary>
internal sealed class AddedTokens : ITextCodec
{
    private readonly Func<string, string>? _normalize;
    private readonly Finder _raw, _normalized;

    /// <param name="normalize">What the codec does to text first; null: nothing.</param>
    public AddedTokens(ITextCodec codec, IReadOnlyList<AddedToken> tokens, Func<string, string>? normalize)
    {
        (Codec, Tokens) = (codec, tokens);
        _normalize = normalize;
        bool Late(AddedToken token) => token.Normalized && normalize is not null;
        _raw = new Finder(tokens.Where(t => !Late(t)));
        _normalized = new Finder(tokens.Where(Late).Select(t => t with { Content = normalize!(t.Content) }).Where(t => t.Content.Length > 0));
    }

    /// <summary>What encodes the text between the tokens.</summary>
    public ITextCodec Codec { get; }

    public IReadOnlyList<AddedToken> Tokens { get; }

    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (var part in _raw.Cut(text))
        {
            if (part.Token is not null)
                ids.Add(part.Token.Id);
            else if (_normalized.IsEmpty)
                ids.AddRange(Codec.Encode(part.Text));
            else
                EncodeNormalized(ids, _normalize!(part.Text));
        }

        return ids;
    }

    public string Decode(IReadOnlyList<int> ids) => Codec.Decode(ids);

    private void EncodeNormalized(List<int> ids, string text)
    {
        foreach (var part in _normalized.Cut(text))
        {
            if (part.Token is not null)
                ids.Add(part.Token.Id);
            else
                ids.AddRange(Codec.Encode(part.Text));
        }
    }

    private sealed class Finder
    {
        private readonly Dictionary<char, AddedToken[]> _byFirst;

        public Finder(IEnumerable<AddedToken> tokens) =>
            _byFirst = tokens.GroupBy(t => t.Content[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());

        public bool IsEmpty => _byFirst.Count == 0;

        /// <summary>The text's parts in order: tokens, and (without one) what lies between them.</summary>
        public IEnumerable<(AddedToken? Token, string Text)> Cut(string text)
        {
            int begin = 0;
            for (int at = 0; at < text.Length && _byFirst.Count > 0;)
            {
                if (!_byFirst.TryGetValue(text[at], out var candidates) || Array.Find(candidates, t => IsAt(text, at, t)) is not { } token)
                {
                    at++;
                    continue;
                }

                int end = at + token.Content.Length;
                while (token.StripLeft && at > begin && char.IsWhiteSpace(text[at - 1]))
                    at--;
                while (token.StripRight && end < text.Length && char.IsWhiteSpace(text[end]))
                    end++;
                if (at > begin)
                    yield return (null, text[begin..at]);
                yield return (token, "");
                at = begin = end;
            }

            if (begin < text.Length)
                yield return (null, text[begin..]);
        }

        private static bool IsAt(string text, int at, AddedToken token)
        {
            int end = at + token.Content.Length;
            return string.CompareOrdinal(text, at, token.Content, 0, token.Content.Length) == 0
                && !(token.SingleWord && ((at > 0 && IsWord(text[at - 1])) || (end < text.Length && IsWord(text[end]))));
        }

        private static bool IsWord(char letter) => char.IsLetterOrDigit(letter) || letter == '_';
    }
}
