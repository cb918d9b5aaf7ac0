using System.Text;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

public sealed class TextTokenizerTests
{
    private const string BertWords = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nhello\nworld\n,\n!\ncafe\n我\n";

    [Fact]
    public void WordPiece_cleans_and_splits_as_BERT_does()
    {
        using TemporaryFolder folder = Bert();
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal((14, 2, 3, 0, 4, 1), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.MaskId, tokenizer.UnkId));
        Assert.Equal([8, 10, 9, 11], tokenizer.Encode("Hello,\nWORLD!"));
        Assert.Equal([5, 6, 7], tokenizer.Encode("un\u200daffable\0"));
        Assert.Equal([12, 13, 13, 1], tokenizer.Encode("Café我我☃"));
        Assert.Equal("hello, world!", tokenizer.Decode(tokenizer.Encode("hello , world !")));
        folder.Write("tokenizer_config.json", """{ "do_lower_case": false }""");
        Assert.Equal([1, 8], TextTokenizer.Load(folder.Path).Encode("Hello hello"));
    }

    [Fact]
    public void Accents_fold_as_Unicode_decomposes()
    {
        var normalizer = new BertNormalizer(lowerCase: true, stripAccents: true, cleanText: true, splitIdeographs: true);
        Assert.Equal("cua viet aeiou ελλαδα иже", normalizer.Normalize("Cửa Việt ÀÉÎÕÜ Ελλάδα Йжё"));
        Assert.Equal("\u1112\u1161\u11ab\u1100\u116e\u11a8", normalizer.Normalize("한국"));
        Assert.Equal("Ünï", new BertNormalizer(false, false, true, true).Normalize("Ünï"));
    }

    [Fact]
    public void Special_tokens_frame_text_within_the_length()
    {
        using TemporaryFolder folder = Bert();
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        string text = string.Join(' ', Enumerable.Repeat("hello", 10)), pair = string.Join(' ', Enumerable.Repeat("world", 4));
        EncodedText cut = tokenizer.EncodeForModel(ModelFamily.Bert, text, pair, 12);
        Assert.Equal([2, 8, 8, 8, 8, 8, 3, 9, 9, 9, 9, 3], cut.Ids);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], cut.Types);
        Assert.Equal([2, 8, 8, 3, 9, 9, 3], tokenizer.EncodeForModel(ModelFamily.Bert, text, text.Replace("hello", "world"), 7).Ids);
        Assert.Equal([2, 3], tokenizer.EncodeForModel(ModelFamily.Bert, "", null, 7).Ids);
        Assert.Equal([2, 8, 8, 3], tokenizer.EncodeForModel(ModelFamily.Bert, text, null, 4).Ids);
        Assert.Contains("no room", Assert.Throws<InputException>(() => tokenizer.EncodeForModel(ModelFamily.Bert, text, null, 2)).Message);
        Assert.Equal([8, 8], tokenizer.Encode("hello hello"));
        Assert.Equal("hello world", tokenizer.Decode([2, 8, 3, 9, 3, 0, 99, -1]));
    }

    [Fact]
    public void A_word_that_is_a_token_is_taken_whole_where_the_file_says_so()
    {
        using var folder = new TemporaryFolder();
        string Json(bool ignore) => """
            { "model": { "type": "BPE", "ignore_merges": IGNORE, "vocab": { "a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "bc": 5 }, "merges": [["b", "c"]] },
              "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false }, "added_tokens": [{ "id": 6, "content": "</s>" }] }
            """.Replace("IGNORE", ignore ? "true" : "false");
        folder.Write("tokenizer.json", Json(true));
        TextTokenizer whole = TextTokenizer.Load(folder.Path);
        Assert.Equal([4], whole.Encode("abc"));
        Assert.Equal([0, 5, 1], whole.Encode("abcb"));
        Assert.Equal((7, 6, null), (whole.VocabularySize, whole.EosId, whole.BosId));
        folder.Write("tokenizer.json", Json(false));
        Assert.Equal([0, 5], TextTokenizer.Load(folder.Path).Encode("abc"));
    }

    [Fact]
    public void A_prefix_space_and_an_absent_bos_are_respected()
    {
        using TemporaryFolder folder = BytePair();
        Assert.Equal(["Ġlow"], Tokens(folder, " low"));
        Assert.Equal(["lo", "w"], Tokens(folder, "low"));
        folder.Write("tokenizer_config.json", """{ "add_prefix_space": true, "bos_token": null, "eos_token": { "content": "</s>" } }""");
        File.Delete(folder.File("special_tokens_map.json"));
        Assert.Equal(["Ġlow"], Tokens(folder, "low"));
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal((null, 2), (tokenizer.BosId, tokenizer.EosId));
        Assert.Equal(tokenizer.Encode("low"), tokenizer.EncodeForModel(ModelFamily.Llama, "low", null, 8).Ids);
        Assert.Contains("<s>", Assert.Throws<InputException>(() => tokenizer.EncodeForModel(ModelFamily.Roberta, "low", null, 8)).Message);
    }

    [Fact]
    public void Weird_text_is_survived_and_never_special()
    {
        using TemporaryFolder bert = Bert(), bpe = BytePair();
        foreach (TextTokenizer tokenizer in new[] { TextTokenizer.Load(bert.Path), TextTokenizer.Load(bpe.Path) })
        {
            foreach (string text in TokenizerSamples.Weird)
            {
                int[] ids = tokenizer.Encode(text);
                Assert.All(ids, id => Assert.True(id < tokenizer.VocabularySize && (!tokenizer.IsSpecial(id) || id == tokenizer.UnkId), $"{id}"));
                Assert.NotNull(tokenizer.Decode(ids));
            }
        }
        TextTokenizer lossless = TextTokenizer.Load(bpe.Path);
        Assert.Equal("a\ufffdz", lossless.Decode(lossless.Encode("a\ud83dz")));
        Assert.Equal("<s></s>", lossless.Decode(lossless.Encode("<s></s>")));
    }

    [Fact]
    public void SentencePiece_survives_weird_text()
    {
        TextTokenizer tokenizer = TextTokenizer.Load(Golden.Shared("models", "stories260K"));
        Assert.Equal((512, 1, 2), (tokenizer.VocabularySize, tokenizer.BosId, tokenizer.EosId));
        foreach (string text in TokenizerSamples.Weird)
        {
            int[] ids = tokenizer.Encode(text);
            Assert.All(ids, id => Assert.InRange(id, 3, 511));
            Assert.NotNull(tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Tokens_added_to_a_SentencePiece_model_count()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Golden.Shared("models", "stories260K"), "tokenizer.model"), folder.File("tokenizer.model"));
        folder.Write("added_tokens.json", """{ "<extra>": 512, "[PAD]": 513 }""");
        folder.Write("special_tokens_map.json", """{ "pad_token": "[PAD]" }""");
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal((514, 513), (tokenizer.VocabularySize, tokenizer.PadId));
        Assert.Equal("once upon", tokenizer.Decode([.. tokenizer.Encode("once upon"), 513]));
        Assert.Equal("once upon<extra>", tokenizer.Decode([.. tokenizer.Encode("once upon"), 512]));
    }

    [Fact]
    public void Copied_files_give_the_same_tokenizer()
    {
        using TemporaryFolder source = BytePair(), target = new();
        TextTokenizer tokenizer = TextTokenizer.Load(source.Path);
        ModelFolder.CopyTokenizerFiles(tokenizer.Folder, target.Path);
        TextTokenizer copy = TextTokenizer.Load(target.Path);
        foreach (string text in TokenizerSamples.Texts)
            Assert.Equal(tokenizer.Encode(text), copy.Encode(text));
    }

    [Theory]
    [InlineData("nothing", "", "no tokenizer (looked for")]
    [InlineData("tokenizer.json", "{", "not valid JSON")]
    [InlineData("tokenizer.json", "{}", "model is missing")]
    [InlineData("tokenizer.json", """{ "model": { "type": "Unigram", "vocab": { "a": 0 } } }""", "type is Unigram")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 0 }, "merges": [] } }""", "pre_tokenizer")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 0 }, "merges": [] }, "pre_tokenizer": { "type": "Metaspace" } }""", "pre_tokenizer.type is Metaspace: this pre-tokenizer")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 0 }, "merges": ["a b"] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "'b'")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 0 }, "merges": [["a"]] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "merges[0]")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 0, "b": 0 }, "merges": [] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "id 0 is given to two tokens")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": -1 }, "merges": [] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "id -1")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "a": 2000000000 }, "merges": [] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "id 2000000000")]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE", "vocab": { "\ud800": 0 }, "merges": [] }, "pre_tokenizer": { "type": "ByteLevel" } }""", "not valid")]
    [InlineData("tokenizer.json", """{ "model": { "type": "WordPiece", "vocab": { "a": 0 } } }""", "[UNK]")]
    [InlineData("vocab.txt", "", "no \"[UNK]\"")]
    [InlineData("vocab.json", "{}", "the vocabulary is empty")]
    [InlineData("vocab.txt", "a\nb\na\n", "occurs twice")]
    [InlineData("tokenizer.model", "hello", "not a SentencePiece")]
    [InlineData("tokenizer.model", "", "not a SentencePiece")]
    public void Malformed_files_are_named(string name, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write(name, content);
        if (name == "vocab.json")
            folder.Write("merges.txt", "");
        var error = Assert.Throws<InputException>(() => TextTokenizer.Load(folder.Path));
        Assert.StartsWith(name == "nothing" ? folder.Path : file, error.Message);
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_missing_folder_is_named() => Assert.Contains("no such folder", Assert.Throws<InputException>(() => TextTokenizer.Load("/no/such/place")).Message);

    [Fact]
    public void Vocabulary_that_is_not_UTF8_names_the_line()
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.txt", [.. "[UNK]\n[CLS]\n"u8, 0xE9, (byte)'\n']);
        Assert.Contains("vocab.txt:3: not UTF-8 (byte 0xE9)", Assert.Throws<InputException>(() => TextTokenizer.Load(folder.Path)).Message);
    }

    private static IEnumerable<string?> Tokens(TemporaryFolder folder, string text)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        return tokenizer.Encode(text).Select(tokenizer.TokenOf);
    }

    private static TemporaryFolder Bert()
    {
        var folder = new TemporaryFolder();
        folder.Write("vocab.txt", BertWords);
        return folder;
    }

    private static TemporaryFolder BytePair()
    {
        var trainer = new BytePairTrainer();
        trainer.Add("so low so low so low");
        var folder = new TemporaryFolder();
        trainer.Train(266).Save(folder.Path);
        return folder;
    }
}
