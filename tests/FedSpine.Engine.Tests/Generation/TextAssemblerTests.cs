using System.Text;
using CsCheck;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Tests.Text;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Generation;

public sealed class TextAssemblerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TextTokenizer _tokenizer;

    /// <summary>Every byte is a token, and few pairs are merged: characters beyond ASCII take several tokens.</summary>
    public TextAssemblerTests()
    {
        var trainer = new BytePairTrainer();
        trainer.Add("the cat sat on the mat, the cat sat");
        trainer.Train(270).Save(_folder.Path);
        _tokenizer = TextTokenizer.Load(_folder.Path);
    }

    public void Dispose() => _folder.Dispose();

    private static List<string> Pieces(TextTokenizer tokenizer, int[] prompt, int[] ids, params string[] stops)
    {
        var assembler = new TextAssembler(tokenizer, prompt, stops);
        var pieces = new List<string>();
        foreach (int id in ids)
        {
            pieces.Add(assembler.Add(id));
            if (assembler.Stopped)
                break;
        }

        pieces.Add(assembler.Finish());
        foreach (string piece in pieces.Where(p => p.Length > 0))
            Assert.False(char.IsHighSurrogate(piece[^1]) || char.IsLowSurrogate(piece[0]), $"half a character: {piece}");
        return pieces;
    }

    [Fact]
    public void Pieces_together_are_the_decoded_text()
    {
        foreach (string text in TokenizerSamples.Texts)
        {
            var ids = _tokenizer.Encode(text);
            var pieces = Pieces(_tokenizer, [], ids);
            Assert.Equal(text, string.Concat(pieces));
            Assert.DoesNotContain(pieces, p => p.Contains('\uFFFD'));
        }
    }

    [Fact]
    public void Any_tokens_give_what_decoding_gives() =>
        Gen.Int[0, _tokenizer.VocabularySize - 1].Array[0, 40].Sample(ids => Assert.Equal(_tokenizer.Decode(ids), string.Concat(Pieces(_tokenizer, [], ids))), iter: 2000);

    [Fact]
    public void The_text_ends_before_the_first_stop_string_wherever_tokens_end() =>
        Gen.Select(Gen.Int[0, 3].Array[0, 12], Gen.Int[0, 3].Array[1, 4].Array[0, 3], Gen.Int[1, 3]).Sample((text, stops, step) =>
        {
            string Spell(int[] letters) => string.Concat(letters.Select(l => "ab \u00e9"[l]));
            string whole = Spell(text);
            string[] stopTexts = [.. stops.Select(Spell)];
            string given = string.Concat(Pieces(_tokenizer, [], [.. Encoding.UTF8.GetBytes(whole).SelectMany(b => Byte(b))], stopTexts));
            // One character at a time: the text ends where the first stop string is complete, before its beginning.
            string expected = whole;
            for (int end = 1; end <= whole.Length && expected == whole; end++)
            {
                int[] starts = [.. stopTexts.Where(s => whole[..end].EndsWith(s, StringComparison.Ordinal)).Select(s => end - s.Length)];
                if (starts.Length > 0)
                {
                    Assert.Equal(whole[..starts.Min()], given);
                    return;
                }
            }

            Assert.Equal(whole, given);
        }, iter: 2000);

    /// <summary>The token of one byte.</summary>
    private IEnumerable<int> Byte(byte value) =>
        Enumerable.Range(0, _tokenizer.VocabularySize).Where(id => _tokenizer.TokenOf(id) == ByteAlphabet.LetterOf(value).ToString()).Take(1);

    [Fact]
    public void Text_that_cannot_belong_to_a_stop_string_is_not_held_back()
    {
        var assembler = new TextAssembler(_tokenizer, [], ["at!"]);
        string Add(string text) => string.Concat(_tokenizer.Encode(text).Select(assembler.Add));
        Assert.Equal("the c", Add("the c"));
        Assert.Equal("", Add("at"));
        Assert.Equal("at.", Add("."));
        Assert.Equal("", Add("a"));
        Assert.Equal("a", assembler.Finish());
    }

    [Fact]
    public void SentencePiece_goes_on_where_the_prompt_ends_and_bytes_become_characters()
    {
        var tokenizer = TextTokenizer.Load(Golden.Shared("models", "stories260K"));
        int[] prompt = [tokenizer.BosId!.Value, .. tokenizer.Encode("Once upon")], whole = [.. prompt[1..], .. tokenizer.Encode("a time"), .. tokenizer.Encode("né 🚀 我")];
        int[] ids = whole[(prompt.Length - 1)..];
        string text = string.Concat(Pieces(tokenizer, prompt, ids));
        Assert.Equal(tokenizer.Decode(whole), "Once upon" + text);
        Assert.Equal(" a time né 🚀 我", text);
        Assert.Equal("a time né 🚀 我", string.Concat(Pieces(tokenizer, [tokenizer.BosId.Value], ids)));
        Gen.Int[0, tokenizer.VocabularySize - 1].Array[0, 30].Sample(random =>
            Assert.Equal(tokenizer.Decode([.. random]), string.Concat(Pieces(tokenizer, [tokenizer.BosId.Value], random))), iter: 1000);
    }
}
