using CsCheck;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

public sealed class BytePairTrainerTests
{
    private const string Text = "low low low low low lower lower newest newest newest newest newest newest widest widest widest\nthe lowest of the new, the widest of the low";

    [Fact]
    public void Merges_equal_those_of_counting_everything_again()
    {
        string[] texts = [Text, "aaaaaaaa aaaa aaa aa", "abcabcabc bcbc abab cab", "x", "aa bb aa bb ab ba abba baab"];
        foreach (string text in texts)
        {
            for (int minFrequency = 1; minFrequency <= 3; minFrequency++)
            {
                BytePairVocabulary trained = Trained(text, 300, minFrequency);
                Assert.Equal(BruteForceMerges(text, 300 - 261, minFrequency), trained.Merges);
            }
        }
    }

    [Fact]
    public void Random_texts_give_the_merges_of_counting_everything_again() =>
        Gen.Char["abc "].Array[1, 60].Select(letters => new string(letters)).Sample(
            text => Assert.Equal(BruteForceMerges(text, 40, 2), Trained(text, 301, 2).Merges), iter: 300);

    [Fact]
    public void Sizes_and_special_ids_are_as_asked()
    {
        BytePairVocabulary trained = Trained(Text, 280, 2);
        Assert.Equal(280, trained.Tokens.Count);
        Assert.Equal(19, trained.Merges.Count);
        Assert.Equal(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], trained.Tokens.Take(5));
        Assert.Equal(280, trained.Tokens.Distinct().Count());
        Assert.True(Trained(Text, 5000, 2).Tokens.Count < 400); // no more pairs
        Assert.Empty(Trained(Text, 261, 2).Merges);
        Assert.Contains("260", Assert.Throws<InputException>(() => Trained(Text, 260, 2)).Message);
        Assert.Throws<InputException>(() => new BytePairTrainer().Train(300));
    }

    [Fact]
    public void Pieces_may_come_in_any_order()
    {
        var forward = new BytePairTrainer();
        var backward = new BytePairTrainer();
        string[] lines = Text.Split('\n');
        foreach (string line in lines)
            forward.Add(line);
        foreach (string line in lines.Reverse())
            backward.Add(line);
        Assert.Equal(forward.Train(320).Merges, backward.Train(320).Merges);
    }

    [Fact]
    public void A_saved_vocabulary_loads_as_a_RoBERTa_tokenizer()
    {
        using var folder = new TemporaryFolder();
        Trained(Text, 275, 2).Save(folder.Path);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal((275, 0, 2, 1, 4, 3), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.MaskId, tokenizer.UnkId));
        Assert.Equal(["Ġlow", "est"], tokenizer.Encode(" lowest").Select(id => tokenizer.TokenOf(id)));
        int[] low = tokenizer.Encode("low"), newer = tokenizer.Encode("newer");
        Assert.Equal([0, .. low, 2, 2, .. newer, 2], tokenizer.EncodeForModel(ModelFamily.Roberta, "low", "newer", 64).Ids);
        Assert.Equal([0, .. low], tokenizer.EncodeForModel(ModelFamily.Llama, "low", null, 64).Ids);
    }

    [Fact]
    public void Byte_level_tokens_decode_to_any_well_formed_text()
    {
        using var folder = new TemporaryFolder();
        Trained(Text + " наука 我想 🚀🚀 naïve naïve", 330, 1).Save(folder.Path);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Gen<string> anyText = Gen.Int[0, 0x10FFFF].Where(point => point is < 0xD800 or > 0xDFFF).Array[0, 40]
            .Select(points => string.Concat(points.Select(char.ConvertFromUtf32)));
        Gen<string> asciiText = Gen.String[Gen.Char[(char)0, (char)0x200], 0, 60];
        Gen.OneOf(anyText, asciiText).Sample(text =>
        {
            int[] ids = tokenizer.Encode(text);
            Assert.All(ids, id => Assert.InRange(id, 5, tokenizer.VocabularySize - 1));
            Assert.Equal(text, tokenizer.Decode(ids));
        }, iter: 3000);
        foreach (string text in TokenizerSamples.Texts)
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    private static BytePairVocabulary Trained(string text, int size, int minFrequency)
    {
        var trainer = new BytePairTrainer();
        trainer.Add(text);
        return trainer.Train(size, minFrequency);
    }

    /// <summary>The definition, written for reading: count all pairs, merge the most frequent, start over.</summary>
    private static List<string> BruteForceMerges(string text, int count, int minFrequency)
    {
        var order = Enumerable.Range(0, 256).Select(value => ByteAlphabet.LetterOf((byte)value).ToString()).Order(StringComparer.Ordinal).ToList();
        List<List<string>> words = [.. BytePairOptions.Gpt2.Words.Matches(text).Select(word => ByteLevelBpe.Letters(word.Value).Select(letter => letter.ToString()).ToList())];
        var refused = new HashSet<(string, string)>();
        var merges = new List<string>();
        while (merges.Count < count)
        {
            var pairs = words.SelectMany(word => word.Zip(word.Skip(1))).Where(pair => !refused.Contains(pair)).GroupBy(pair => pair)
                .Where(group => group.Count() >= minFrequency)
                .OrderByDescending(group => group.Count()).ThenBy(group => order.IndexOf(group.Key.First)).ThenBy(group => order.IndexOf(group.Key.Second)).ToList();
            if (pairs.Count == 0)
                break;
            (string left, string right) = pairs[0].Key;
            if (order.Contains(left + right))
            {
                refused.Add((left, right));
                continue;
            }
            merges.Add($"{left} {right}");
            order.Add(left + right);
            foreach (List<string> word in words)
            {
                for (int i = 0; i + 1 < word.Count; i++)
                {
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] = left + right;
                        word.RemoveAt(i + 1);
                    }
                }
            }
        }
        return merges;
    }
}
