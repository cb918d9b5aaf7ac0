using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

/// <summary>Small models written out by hand: order of merges, bytes, unknown runs, user-defined and unused pieces.</summary>
public sealed class SentencePieceTests
{
    private static readonly Piece[] Start = [new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control)];

    [Theory]
    [InlineData("!!!!!!", "!!! !!!")]           // the leftmost "!!" is at once one of three
    [InlineData("!!!!!", "!!! !!")]
    [InlineData("abc", "a bc")]                 // "bc" scores higher than "ab"
    [InlineData("abcc", "a bc c")]
    [InlineData("ab", "ab")]
    public void The_highest_score_then_the_leftmost_pair_merges_first(string text, string expected)
    {
        var codec = Codec([.. Start, Normal("!", -10), Normal("!!", -1), Normal("!!!", -0.5f), Normal("a", -11), Normal("b", -12), Normal("c", -13), Normal("ab", -3), Normal("bc", -2)]);
        Assert.Equal(expected, Tokens(codec, text));
    }

    [Fact]
    public void Characters_without_a_piece_are_spelled_in_bytes()
    {
        var codec = Codec([.. Start, .. Enumerable.Range(0, 256).Select(b => new Piece($"<0x{b:X2}>", 0, PieceKind.Byte)), Normal("a", -1)], bytes: true);
        Assert.Equal("a <0xC3> <0xA9> <0xF0> <0x9F> <0x9A> <0x80>", Tokens(codec, "aé🚀"));
        Assert.Equal("aé🚀", codec.Decode(codec.Encode("aé🚀")));
        Assert.Equal("<s>a<0x41>", codec.Decode(codec.Encode("<s>a<0x41>")));
        Assert.DoesNotContain(1, codec.Encode("<s>")); // spelled out, never the control piece
    }

    [Fact]
    public void Without_bytes_a_run_of_unknown_characters_is_one_unknown_piece() =>
        Assert.Equal("<unk> a <unk>", Tokens(Codec([.. Start, Normal("a", -1)]), "éüa🚀é"));

    [Fact]
    public void User_defined_pieces_are_taken_whole_the_longest_first()
    {
        var codec = Codec([.. Start, new("<x>", 0, PieceKind.UserDefined), new("<x>>", 0, PieceKind.UserDefined), Normal("a", -1), Normal("a<x>", -0.1f), Normal(">", -2), Normal("<", -3)]);
        Assert.Equal("a <x> a <x>> > < a", Tokens(codec, "a<x>a<x>>><a"));
    }

    [Fact]
    public void Unused_pieces_fall_apart_again()
    {
        var codec = Codec([.. Start, Normal("a", -5), Normal("b", -6), Normal("c", -7), new("ab", -1, PieceKind.Unused), Normal("abc", -2)]);
        Assert.Equal("abc a b", Tokens(codec, "abcab"));
    }

    [Fact]
    public void Blanks_are_prepared_as_the_model_says()
    {
        Piece[] pieces = [.. Start, Normal("▁", -1), Normal("a", -2)];
        string With(bool prefix, bool remove, string text) =>
            Tokens(new SentencePiece(new SentencePieceModel { Pieces = pieces, AddDummyPrefix = prefix, RemoveExtraBlanks = remove }, "x"), text);
        Assert.Equal("▁ ▁ a ▁ ▁ a ▁", With(true, false, " a  a "));
        Assert.Equal("▁ a ▁ a", With(true, true, " a  a "));
        Assert.Equal("a ▁ a", With(false, true, " a  a "));
        Assert.Equal("", With(true, true, "  "));
        Assert.Equal("", With(true, true, ""));
    }

    [Fact]
    public void Impossible_models_are_refused()
    {
        string Refusal(bool bytes, params Piece[] pieces) => Assert.Throws<InputException>(() => Codec(pieces, bytes)).Message;
        Assert.Contains("no piece is the unknown one", Refusal(false, Normal("a", 0)));
        Assert.Contains("\"a\" occurs twice", Refusal(false, [.. Start, Normal("a", 0), Normal("a", 1)]));
        Assert.Contains("no piece <0x00>", Refusal(true, Start));
        Assert.Contains("piece 3 \"<0x1>\" is a byte", Refusal(true, [.. Start, new Piece("<0x1>", 0, PieceKind.Byte)]));
    }

    [Theory]
    [InlineData("12 02 18 01", "its kind is unigram")]
    [InlineData("12 00", "its kind is unigram")]                       // what a file that does not say means
    [InlineData("12 03 18 02 C0", "ends beyond the message")]
    [InlineData("12 05 18 02 C0 01 01", "treat_whitespace_as_suffix")]
    [InlineData("12 02 18 02 1A 04 12 02 61 62", "the normalizer \"\" is not supported")]
    [InlineData("12 02 18 02 1A 02 28 00", "escape_whitespaces")]
    [InlineData("0A 00 12 02 18 02", "piece 0 is empty")]
    [InlineData("0A 03 0A 01 FF 12 02 18 02", "not UTF-8")]
    [InlineData("0A 08 0A 01 61 15 00 00 C0 7F 12 02 18 02", "piece 0 has score NaN")]
    [InlineData("0A 05 0A 01 61 18 09 12 02 18 02", "piece 0 has type 9")]
    [InlineData("FF FF FF FF FF FF FF FF FF FF FF 01", "longer than 64 bits")]
    [InlineData("0F", "wire type 7")]
    public void Malformed_files_are_refused(string hex, string expected)
    {
        using var folder = new TempFolder();
        byte[] message = Convert.FromHexString(hex.Replace(" ", ""));
        byte[] piece = Convert.FromHexString("0A030A0161"); // so that none fails for want of pieces
        File.WriteAllBytes(folder["tokenizer.model"], hex.StartsWith("0A", StringComparison.Ordinal) ? message : [.. piece, .. message]);
        var error = Assert.Throws<InputException>(() => SentencePieceModel.Read(folder["tokenizer.model"]));
        Assert.StartsWith($"{folder["tokenizer.model"]}: not a SentencePiece BPE model: ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    private static Piece Normal(string text, float score) => new(text, score, PieceKind.Normal);

    private static SentencePiece Codec(Piece[] pieces, bool bytes = false) =>
        new(new SentencePieceModel { Pieces = pieces, ByteFallback = bytes, AddDummyPrefix = false, RemoveExtraBlanks = false }, "tokenizer.model");

    private static string Tokens(SentencePiece codec, string text) => string.Join(' ', codec.Encode(text).Select(codec.Table.TokenOf));
}
