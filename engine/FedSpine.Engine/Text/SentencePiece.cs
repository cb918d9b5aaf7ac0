using System.Buffers;
using System.Globalization;
using System.Text;

namespace FedSpine.Engine.Text;

/// <summary>
/// SentencePiece's BPE (LLaMA 2, Mistral): blanks are '▁'; of all neighbours that together make a piece, those with the highest
/// score are merged first, the leftmost of equals, until none is left. Characters without a piece are spelled in bytes.
/// (Kudo and Richardson, SentencePiece, arXiv 1808.06226.)
/// </summary>
internal sealed class SentencePiece : ITextCodec
{
    private const char Blank = '▁';

    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _merged = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _pieces;
    private readonly Dictionary<char, string[]> _whole;
    private readonly int[] _bytes = new int[256];
    private readonly short[] _byteOf;
    private readonly int _unknown;

    /// <param name="file">For messages.</param>
    /// <exception cref="InputException">A piece occurs twice, none is the unknown one, or a byte is missing.</exception>
    public SentencePiece(SentencePieceModel model, string file)
    {
        _model = model;
        Table = new TokenTable(file);
        _byteOf = new short[model.Pieces.Count];
        Array.Fill(_byteOf, (short)-1);
        Array.Fill(_bytes, -1);
        int? unknown = null;
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            var piece = model.Pieces[id];
            Table.Add(piece.Text, id);
            if (piece.Kind == PieceKind.Unknown)
                unknown = id;
            else if (piece.Kind == PieceKind.Byte)
                _bytes[_byteOf[id] = ByteOf(piece.Text, id)] = id;
            else if (piece.Kind != PieceKind.Control)
                _merged.Add(piece.Text, id);
        }

        _unknown = unknown ?? throw InputException.InFile(file, "no piece is the unknown one");
        if (model.ByteFallback && Array.IndexOf(_bytes, -1) is >= 0 and var missing)
            throw InputException.InFile(file, $"spells characters in bytes, but has no piece <0x{missing:X2}>");
        _pieces = _merged.GetAlternateLookup<ReadOnlySpan<char>>();
        _whole = model.Pieces.Where(p => p.Kind == PieceKind.UserDefined).GroupBy(p => p.Text[0])
            .ToDictionary(g => g.Key, g => g.Select(p => p.Text).OrderByDescending(t => t.Length).ToArray());

        short ByteOf(string text, int id) =>
            text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>' && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, null, out byte value)
                ? value
                : throw InputException.InFile(file, $"piece {id} {TokenTable.Quoted(text)} is a byte, expected <0x00> to <0xFF>");
    }

    public TokenTable Table { get; }

    /// <exception cref="InputException">Not a SentencePiece model of the BPE kind.</exception>
    public static SentencePiece Read(string file) => new(SentencePieceModel.Read(file), file);

    public SpecialTokens Specials(SpecialTokens named) => named with
    {
        Bos = Control(_model.BosPiece),
        Eos = Control(_model.EosPiece),
        Unk = _unknown,
    };

    public IReadOnlyList<int> Encode(string text)
    {
        string prepared = Prepare(text);
        var symbols = Split(prepared);
        Merge(prepared, symbols);
        var ids = new List<int>(symbols.Length / 3 + 1);
        for (int i = 0; i >= 0 && symbols.Length > 0; i = symbols[i].Next)
            Append(ids, prepared.AsSpan(symbols[i].Start, symbols[i].Length));
        return ids;
    }

    public string Decode(IReadOnlyList<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>();
        bool first = true;
        foreach (int id in ids)
        {
            string text = Table.TokenOf(id)!;
            if (id < _byteOf.Length && _byteOf[id] >= 0)
            {
                bytes.Write([(byte)_byteOf[id]]);
            }
            else if (id >= _byteOf.Length) // added to the table: stands for itself
            {
                bytes.Write(Encoding.UTF8.GetBytes(text));
            }
            else if (_model.Pieces[id].Kind != PieceKind.Control)
            {
                bool prefix = first && (_model.AddDummyPrefix || _model.RemoveExtraBlanks) && text[0] == Blank;
                bytes.Write(Encoding.UTF8.GetBytes((prefix ? text[1..] : text).Replace(Blank, ' ')));
            }
            else
            {
                continue;
            }

            first = false;
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private string Prepare(string text)
    {
        if (_model.RemoveExtraBlanks)
            text = string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        if (_model.AddDummyPrefix && text.Length > 0)
            text = " " + text;
        return text.Replace(' ', Blank);
    }

    /// <summary>One symbol a character, or a user-defined piece, the longest first.</summary>
    private Symbol[] Split(string text)
    {
        var symbols = new List<Symbol>(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            string? whole = _whole.Count > 0 && _whole.TryGetValue(text[at], out string[]? candidates)
                ? Array.Find(candidates, c => string.CompareOrdinal(text, at, c, 0, c.Length) == 0)
                : null;
            length = whole?.Length ?? (char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1);
            symbols.Add(new Symbol { Start = at, Length = length, Previous = symbols.Count - 1, Next = symbols.Count + 1, Whole = whole is not null });
        }

        var array = symbols.ToArray();
        if (array.Length > 0)
            array[^1].Next = -1;
        return array;
    }

    private void Merge(string text, Symbol[] symbols)
    {
        var queue = new PriorityQueue<Pair, (float Score, int Left)>(PairOrder.Instance);
        void Propose(int left, int right)
        {
            if (left < 0 || right < 0 || symbols[left].Whole || symbols[right].Whole)
                return;
            int length = symbols[left].Length + symbols[right].Length;
            if (Score(text.AsSpan(symbols[left].Start, length), symbols[left].Length) is { } score)
                queue.Enqueue(new Pair(left, right, length), (score, left));
        }

        for (int i = 1; i < symbols.Length; i++)
            Propose(i - 1, i);
        while (queue.TryDequeue(out var pair, out _))
        {
            ref var left = ref symbols[pair.Left];
            ref var right = ref symbols[pair.Right];
            // Either may have been merged with something else since; a symbol that is gone has length 0.
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length)
                continue;
            left.Length = pair.Length;
            right.Length = 0;
            left.Next = right.Next;
            if (right.Next >= 0)
                symbols[right.Next].Previous = pair.Left;
            Propose(left.Previous, pair.Left);
            Propose(pair.Left, left.Next);
        }
    }

    /// <summary>Of a merge of neighbours, the left of which has <paramref name="left"/> letters; null where they make no piece.</summary>
    private float? Score(ReadOnlySpan<char> both, int left)
    {
        if (!_pieces.TryGetValue(both, out int id))
            return null;
        if (_model.Merges is not { } merges)
            return _model.Pieces[id].Score;
        return _pieces.TryGetValue(both[..left], out int l) && _pieces.TryGetValue(both[left..], out int r) && merges.TryGetValue(((long)l << 32) + r, out int rank) ? -rank : null;
    }

    private void Append(List<int> ids, ReadOnlySpan<char> symbol)
    {
        bool known = _pieces.TryGetValue(symbol, out int id);
        if (known && _model.Pieces[id].Kind != PieceKind.Unused)
        {
            ids.Add(id);
        }
        else if (known && symbol.Length > 1 && Halves(symbol) is > 0 and var half)
        {
            Append(ids, symbol[..half]);
            Append(ids, symbol[half..]);
        }
        else if (_model.ByteFallback)
        {
            Span<byte> utf8 = stackalloc byte[4];
            foreach (Rune rune in symbol.EnumerateRunes())
            {
                foreach (byte value in utf8[..rune.EncodeToUtf8(utf8)])
                    ids.Add(_bytes[value]);
            }
        }
        else if (ids.Count == 0 || ids[^1] != _unknown)
        {
            ids.Add(_unknown); // one for a run of unknown characters
        }
    }

    /// <summary>
    /// Where an unused piece falls apart again: at the merge of the highest score that can have made it, the leftmost of equals.
    /// </summary>
    private int Halves(ReadOnlySpan<char> piece)
    {
        int best = 0;
        float score = float.NegativeInfinity;
        for (int at = 1; at < piece.Length; at++)
        {
            if (char.IsLowSurrogate(piece[at]) || !_pieces.TryGetValue(piece[..at], out int left) || !_pieces.TryGetValue(piece[at..], out int right))
                continue;
            float least = MathF.Min(_model.Pieces[left].Score, _model.Pieces[right].Score);
            if (least > score)
                (best, score) = (at, least);
        }

        return best;
    }

    private int? Control(string piece) => Table.IdOf(piece) is int id && id < _model.Pieces.Count && _model.Pieces[id].Kind == PieceKind.Control ? id : null;

    private struct Symbol
    {
        public int Start, Length, Previous, Next;
        public bool Whole;
    }

    private readonly record struct Pair(int Left, int Right, int Length);

    /// <summary>Highest score first, then the leftmost.</summary>
    private sealed class PairOrder : IComparer<(float Score, int Left)>
    {
        public static readonly PairOrder Instance = new();

        public int Compare((float Score, int Left) x, (float Score, int Left) y)
        {
            int order = y.Score.CompareTo(x.Score);
            return order != 0 ? order : x.Left.CompareTo(y.Left);
        }
    }
}
