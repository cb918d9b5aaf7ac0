using System.Runtime.InteropServices;
using System.Text;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Generation;

/// <summary>
/// Turns tokens into pieces of text as they come. A piece never ends within a character (one may be spelled in several tokens), and
/// what may yet turn out to be the beginning of a stop string is held back. All pieces together are the decoded text.
/// </summary>
internal sealed class TextAssembler
{
    private const char Replacement = '\uFFFD';

    private readonly TextTokenizer _tokenizer;
    private readonly IReadOnlyList<string> _stops;
    private readonly List<int> _ids;
    private readonly StringBuilder _held = new(); // decoded, not yet given out
    private int _start; // of the tokens that are decoded again, so that a token is read after the one before it
    private int _read;  // tokens whose text is known

    /// <param name="prompt">The text goes on where the prompt ends: a blank between them belongs to the text.</param>
    public TextAssembler(TextTokenizer tokenizer, ReadOnlySpan<int> prompt, IReadOnlyList<string> stops)
    {
        _tokenizer = tokenizer;
        _stops = stops;
        _ids = [.. prompt];
        _start = _read = _ids.Count;
        BackToAnchor();
    }

    /// <summary>Whether a stop string has come; nothing follows it.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Text that is now certain; may be empty.</summary>
    public string Add(int id)
    {
        _ids.Add(id);
        string text = NewText();
        if (text.Length == 0 || text[^1] == Replacement) // perhaps the first bytes of a character
            return "";
        return GiveOut(text, last: false);
    }

    /// <summary>The rest, when no token follows.</summary>
    public string Finish() => Stopped ? "" : GiveOut(NewText(), last: true);

    /// <summary>
    /// Back to a token that has text of its own and is not a byte: decoders drop a blank at the beginning of a text, SentencePiece's
    /// also after bytes there.
    /// </summary>
    private void BackToAnchor()
    {
        bool IsAnchor(int at) => _tokenizer.TokenOf(_ids[at])?.StartsWith("<0x", StringComparison.Ordinal) == false && _tokenizer.Decode(Ids(at, at + 1)).Length > 0;
        _start = Math.Max(0, Math.Min(_start, _ids.Count - 1));
        while (_start > 0 && !IsAnchor(_start))
            _start--;
    }

    /// <summary>Text after that which is known.</summary>
    private string NewText()
    {
        string before = _tokenizer.Decode(Ids(_start, _read)), after = _tokenizer.Decode(Ids(_start, _ids.Count));
        return after.Length > before.Length ? after[before.Length..] : "";
    }

    private string GiveOut(string text, bool last)
    {
        _start = _read;
        _read = _ids.Count;
        BackToAnchor();
        int from = _held.Length;
        _held.Append(text);
        string all = _held.ToString();
        int end = -1;
        foreach (string stop in _stops)
        {
            int at = all.IndexOf(stop, Math.Max(0, from - stop.Length + 1), StringComparison.Ordinal);
            end = at >= 0 && (end < 0 || at < end) ? at : end;
        }

        Stopped = end >= 0;
        if (!Stopped)
            end = last ? all.Length : all.Length - LongestBeginning(all);
        _held.Remove(0, end);
        return all[..end];
    }

    /// <summary>Characters at the end of the text with which a stop string begins.</summary>
    private int LongestBeginning(string text)
    {
        int longest = 0;
        foreach (string stop in _stops)
        {
            for (int n = Math.Min(stop.Length - 1, text.Length); n > longest; n--)
            {
                if (text.AsSpan(text.Length - n).SequenceEqual(stop.AsSpan(0, n)))
                    longest = n;
            }
        }

        return longest;
    }

    private ReadOnlySpan<int> Ids(int start, int end) => CollectionsMarshal.AsSpan(_ids)[start..end];
}
