using System.Text.Json.Nodes;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

/// <summary>llama.cpp's test vectors: 46 inputs a tokenizer, from single blanks to emoji sequences.</summary>
public sealed class TokenizerVectorTests
{
    [Theory]
    [InlineData("roberta-base", "roberta-bpe")]
    [InlineData("bert-base-uncased", "bert-bge")]
    [InlineData("llama2", "llama-spm")]
    public void Ids_equal_the_vectors(string folder, string vectors)
    {
        TextTokenizer tokenizer = TextTokenizer.Load(Golden.Shared("tokenizers", folder));
        string[] inputs = File.ReadAllText(Golden.Shared("tokenizers", "gguf-vocab", $"ggml-vocab-{vectors}.gguf.inp")).Split("\n__ggml_vocab_test__\n");
        Assert.Equal("", inputs[^1]); // what follows the last separator
        inputs = inputs[..^1];
        string[] outputs = File.ReadAllLines(Golden.Shared("tokenizers", "gguf-vocab", $"ggml-vocab-{vectors}.gguf.out"));
        Assert.Equal(inputs.Length, outputs.Length);
        int[] different = [.. Enumerable.Range(0, inputs.Length).Where(i => string.Join(' ', tokenizer.Encode(inputs[i])) != outputs[i].Trim())];
        Assert.Empty(different);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_converted_SentencePiece_model_gives_the_same_ids(bool metaspace)
    {
        string source = Golden.Shared("tokenizers", "llama2");
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Converted(SentencePieceModel.Read(Path.Combine(source, "tokenizer.model")), metaspace));
        TextTokenizer expected = TextTokenizer.Load(source), actual = TextTokenizer.Load(folder.Path);
        Assert.Equal((expected.VocabularySize, expected.BosId, expected.EosId, expected.UnkId), (actual.VocabularySize, actual.BosId, actual.EosId, actual.UnkId));
        string[] inputs = File.ReadAllText(Golden.Shared("tokenizers", "gguf-vocab", "ggml-vocab-llama-spm.gguf.inp")).Split("\n__ggml_vocab_test__\n");
        foreach (string text in inputs.Concat(TokenizerSamples.Texts).Concat(TokenizerSamples.Weird))
        {
            int[] ids = expected.Encode(text);
            Assert.Equal(ids, actual.Encode(text));
            Assert.Equal(expected.Decode(ids), actual.Decode(ids));
        }
    }

    /// <summary>As Hugging Face converts it: every way to put a piece together from two others, in the order of the scores.</summary>
    private static string Converted(SentencePieceModel model, bool metaspace)
    {
        var ids = model.Pieces.Select((p, id) => (p.Text, id)).ToDictionary(p => p.Text, p => p.id);
        var merges = from piece in model.Pieces
                     where piece.Kind == PieceKind.Normal
                     orderby piece.Score descending
                     from at in Enumerable.Range(1, piece.Text.Length - 1)
                     where ids.ContainsKey(piece.Text[..at]) && ids.ContainsKey(piece.Text[at..])
                     select new JsonArray(piece.Text[..at], piece.Text[at..]);
        JsonNode prepared = metaspace
            ? new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = "first", ["split"] = false }
            : JsonNode.Parse("""{ "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": "▁" }, { "type": "Replace", "pattern": { "String": " " }, "content": "▁" }] }""")!;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. new[] { "<unk>", "<s>", "</s>" }.Select((token, id) => new JsonObject { ["id"] = id, ["content"] = token, ["special"] = true })]),
            [metaspace ? "pre_tokenizer" : "normalizer"] = prepared,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["unk_token"] = "<unk>", ["byte_fallback"] = true, ["fuse_unk"] = true,
                ["vocab"] = new JsonObject(ids.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))), ["merges"] = new JsonArray([.. merges]),
            },
        }.ToJsonString();
    }

    [Fact]
    public void The_separate_files_and_tokenizer_json_give_the_same_ids()
    {
        foreach ((string name, string[] files) in new[] { ("roberta-base", new[] { "vocab.json", "merges.txt" }), ("bert-base-uncased", ["vocab.txt"]) })
        {
            string folder = Golden.Shared("tokenizers", name);
            using var separate = new TemporaryFolder();
            foreach (string file in files)
                File.Copy(Path.Combine(folder, file), separate.File(file));
            TextTokenizer expected = TextTokenizer.Load(folder), actual = TextTokenizer.Load(separate.Path);
            Assert.Equal((expected.VocabularySize, expected.BosId, expected.EosId, expected.PadId, expected.MaskId, expected.UnkId),
                (actual.VocabularySize, actual.BosId, actual.EosId, actual.PadId, actual.MaskId, actual.UnkId));
            foreach (string text in TokenizerSamples.Texts)
                Assert.Equal(expected.Encode(text), actual.Encode(text));
        }
    }

    [Fact]
    public void Real_tokenizers_know_their_special_tokens()
    {
        TextTokenizer roberta = TextTokenizer.Load(Golden.Shared("tokenizers", "roberta-base"));
        Assert.Equal((50265, 0, 2, 1, 50264, 3), (roberta.VocabularySize, roberta.BosId, roberta.EosId, roberta.PadId, roberta.MaskId, roberta.UnkId));
        Assert.Equal([0, 31414, 232, 2, 2, 31414, 2], roberta.EncodeForModel(ModelFamily.Roberta, "Hello world", "Hello", 16).Ids);
        TextTokenizer bert = TextTokenizer.Load(Golden.Shared("tokenizers", "bert-base-uncased"));
        Assert.Equal((30522, 101, 102, 0, 103, 100), (bert.VocabularySize, bert.BosId, bert.EosId, bert.PadId, bert.MaskId, bert.UnkId));
        EncodedText pair = bert.EncodeForModel(ModelFamily.Bert, "Hello, world", "Führer", 16);
        Assert.Equal([101, 7592, 1010, 2088, 102, 11865, 17875, 102], pair.Ids);
        Assert.Equal([0, 0, 0, 0, 0, 1, 1, 1], pair.Types);
        TextTokenizer llama = TextTokenizer.Load(Golden.Shared("tokenizers", "llama2"));
        Assert.Equal((32000, 1, 2, 0), (llama.VocabularySize, llama.BosId, llama.EosId, llama.UnkId));
        Assert.Equal([1, 15043], llama.EncodeForModel(ModelFamily.Llama, "Hello", null, 16).Ids);
    }

    [Fact]
    public void Decoding_gives_the_text_back()
    {
        TextTokenizer roberta = TextTokenizer.Load(Golden.Shared("tokenizers", "roberta-base"));
        TextTokenizer llama = TextTokenizer.Load(Golden.Shared("tokenizers", "llama2"));
        foreach (string text in TokenizerSamples.Texts)
        {
            Assert.Equal(text, roberta.Decode(roberta.Encode(text)));
            Assert.Equal(text, llama.Decode(llama.Encode(text)));
        }
        TextTokenizer bert = TextTokenizer.Load(Golden.Shared("tokenizers", "bert-base-uncased"));
        Assert.Equal("hello, unbelievable world!", bert.Decode(bert.EncodeForModel(ModelFamily.Bert, "Hello, unbelievable World!", null, 32).Ids));
        TextTokenizer stories = TextTokenizer.Load(Golden.Shared("models", "stories260K"));
        Assert.Equal("Once upon a time, there was a café", stories.Decode(stories.Encode("Once upon a time, there was a café")));
    }

    [Fact]
    public void A_tokenizer_larger_than_the_model_is_refused()
    {
        TextTokenizer roberta = TextTokenizer.Load(Golden.Shared("tokenizers", "roberta-base"));
        var spec = new ModelSpec
        {
            Family = ModelFamily.Roberta, Head = ModelHead.MaskedLm, Width = 8, VocabularySize = 512, MaxPositions = 16, Activation = Activation.Gelu, Layers = [],
        };
        var error = Assert.Throws<InputException>(() => roberta.CheckFits(spec));
        Assert.EndsWith("tokenizer has 50265 entries, the model's vocabulary is 512 (config.json)", error.Message);
        roberta.CheckFits(spec with { VocabularySize = 50265 });
        TextTokenizer llama = TextTokenizer.Load(Golden.Shared("tokenizers", "llama2"));
        Assert.Contains("mask", Assert.Throws<InputException>(() => llama.CheckFits(spec with { VocabularySize = 32000 })).Message);
        llama.CheckFits(spec with { VocabularySize = 32000, Family = ModelFamily.Llama, Head = ModelHead.CausalLm });
    }
}
