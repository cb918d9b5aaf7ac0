using System.Text.Json;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats.Gguf;

/// <summary>Tokenizers of every supported kind: into a GGUF file, out of it, and on into a folder.</summary>
public sealed class GgufTokenizers : IDisposable
{
    private static readonly string[] Texts = ["", " a<t>b ", "abc 1234<|end|> It'S\r\n\n  ab", "déjà <s>vu — 世界 🙂\t<t><t>"];

    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _from = new(), _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _from.Dispose();
        _folder.Dispose();
    }

    private SpecificationReader Export()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(layers: 1), Trainable.None);
        GgufModel.Save(model, _folder["m.gguf"], GgufTensorType.F32, _from.Path);
        return new SpecificationReader(_folder["m.gguf"]);
    }

    private void ComesBack()
    {
        ModelFolder.CopyTokenizerFiles(_folder["m.gguf"], _folder["hf"]);
        var expected = TextTokenizer.Load(_from.Path);
        foreach (var actual in (TextTokenizer[])[TextTokenizer.Load(_folder["m.gguf"]), TextTokenizer.Load(_folder["hf"])])
        {
            Assert.Equal((expected.VocabularySize, expected.BosId, expected.EosId, expected.PadId, expected.UnkId), (actual.VocabularySize, actual.BosId, actual.EosId, actual.PadId, actual.UnkId));
            foreach (string text in Texts)
            {
                int[] ids = expected.Encode(text);
                Assert.Equal(ids, actual.Encode(text));
                Assert.Equal(expected.Decode(ids), actual.Decode(ids));
            }
        }
    }

    /// <summary>tokenizer.json: all bytes, two merges, an added token that text may hold (id 300), one that it may not (301), and the end (302).</summary>
    private void WriteBytePairs(BytePairOptions options, bool strip = false)
    {
        var vocabulary = Enumerable.Range(0, 256).ToDictionary(b => ByteAlphabet.LetterOf((byte)b).ToString(), b => b);
        (vocabulary["ab"], vocabulary["abc"], vocabulary["12"]) = (256, 257, 258);
        string Added(int id, string text, bool special) => $$"""{ "id": {{id}}, "content": "{{text}}", "special": {{(special ? "true" : "false")}}, "normalized": false, "lstrip": {{(strip ? "true" : "false")}} }""";
        File.WriteAllText(_from["tokenizer.json"], $$"""
            { "added_tokens": [{{Added(300, "<t>", false)}}, {{Added(301, "<|start|>", true)}}, {{Added(302, "<|end|>", true)}}],
              "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": "{{JsonEncodedText.Encode(options.Pattern)}}" }, "behavior": "Isolated", "invert": false },
                { "type": "ByteLevel", "add_prefix_space": {{(options.AddPrefixSpace ? "true" : "false")}}, "use_regex": false }] },
              "model": { "type": "BPE", "ignore_merges": {{(options.IgnoreMerges ? "true" : "false")}}, "vocab": {
                {{string.Join(", ", vocabulary.Select(v => $"\"{JsonEncodedText.Encode(v.Key)}\": {v.Value}"))}} }, "merges": ["a b", "ab c"] } }
            """);
        File.WriteAllText(_from["tokenizer_config.json"], """{ "bos_token": null, "eos_token": "<|end|>" }""");
    }

    [Theory]
    [InlineData("gpt-2", 0)]
    [InlineData("llama-bpe", 1)]
    [InlineData("smaug-bpe", 2)]
    [InlineData("qwen2", 3)]
    public void Byte_level_tokenizers_are_named_by_how_they_cut_text(string name, int options)
    {
        WriteBytePairs(((BytePairOptions[])[BytePairOptions.Gpt2, BytePairOptions.Llama3, BytePairOptions.Llama3 with { IgnoreMerges = false }, BytePairOptions.Qwen2])[options]);
        var file = Export();
        Assert.Equal(("gpt2", name), ((string)file.Values["tokenizer.ggml.model"].Value, (string)file.Values["tokenizer.ggml.pre"].Value));
        var (tokens, kinds) = ((object[])file.Values["tokenizer.ggml.tokens"].Value, (object[])file.Values["tokenizer.ggml.token_type"].Value);
        Assert.Equal([("[PAD259]", 5), ("<t>", 4), ("<|start|>", 3), ("<|end|>", 3), ("[PAD303]", 5)], ((int[])[259, 300, 301, 302, 303]).Select(id => ((string)tokens[id], (int)kinds[id])));
        Assert.Equal((false, 302u), ((bool)file.Values["tokenizer.ggml.add_bos_token"].Value, (uint)file.Values["tokenizer.ggml.eos_token_id"].Value));
        Assert.DoesNotContain("tokenizer.ggml.bos_token_id", file.Keys);
        ComesBack();
    }

    private void WriteSentencePiece(bool dummyPrefix = true, bool removeExtraBlanks = false)
    {
        var model = new SentencePieceModel
        {
            Pieces =
            [
                new("<unk>", 0, PieceKind.Unknown), new("<s>", 0, PieceKind.Control), new("</s>", 0, PieceKind.Control),
                .. Enumerable.Range(0, 256).Select(b => new Piece($"<0x{b:X2}>", 0, PieceKind.Byte)),
                new("▁a", -1, PieceKind.Normal), new("ab", -2, PieceKind.Normal), new("▁", -3, PieceKind.Normal), new("a", -4, PieceKind.Normal), new("b", -5, PieceKind.Normal),
                new("<u>", 0, PieceKind.UserDefined),
            ],
            ByteFallback = true, AddDummyPrefix = dummyPrefix, RemoveExtraBlanks = removeExtraBlanks,
        };
        File.WriteAllBytes(_from["tokenizer.model"], SentencePieceWriter.Write(model, new SpecialTokens(1, 2, null, null, 0)));
        File.WriteAllText(_from["tokenizer_config.json"], """
            { "pad_token": "<pad>", "added_tokens_decoder": {
                "265": { "content": "<t>", "special": false, "normalized": false }, "266": { "content": "<pad>", "special": true } } }
            """);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SentencePiece_models_come_back_with_scores_kinds_and_added_tokens(bool dummyPrefix)
    {
        WriteSentencePiece(dummyPrefix);
        var file = Export();
        Assert.Equal(("llama", dummyPrefix), ((string)file.Values["tokenizer.ggml.model"].Value, (bool)file.Values["tokenizer.ggml.add_space_prefix"].Value));
        var scores = (object[])file.Values["tokenizer.ggml.scores"].Value;
        Assert.Equal([-1f, -2f, -3f, -4f, -5f, 0f, -1000f, -1000f], scores[259..267].Cast<float>());
        Assert.Equal([2, 3, 3, 6, 1, 4, 4, 3, 5], ((int[])[0, 1, 2, 3, 259, 264, 265, 266, 267]).Select(id => (int)((object[])file.Values["tokenizer.ggml.token_type"].Value)[id]));
        Assert.Equal((1u, 2u, 0u, 266u), ((uint)file.Values["tokenizer.ggml.bos_token_id"].Value, (uint)file.Values["tokenizer.ggml.eos_token_id"].Value,
            (uint)file.Values["tokenizer.ggml.unknown_token_id"].Value, (uint)file.Values["tokenizer.ggml.padding_token_id"].Value));
        ComesBack();
    }

    [Fact]
    public void A_learned_piece_that_is_taken_whole_is_said_to_be()
    {
        WriteSentencePiece();
        File.WriteAllText(_from["tokenizer_config.json"], """{ "added_tokens_decoder": { "260": { "content": "ab", "special": false } } }""");
        Assert.Equal(4, (int)((object[])Export().Values["tokenizer.ggml.token_type"].Value)[260]);
    }

    [Fact]
    public void LLaMA_2s_tokenizer_comes_back()
    {
        string folder = Golden.Shared("tokenizers", "llama2");
        using var model = TinyModels.Random(_backend, GgufCase.Spec(layers: 1) with { VocabularySize = 32000 }, Trainable.None);
        GgufModel.Save(model, _folder["m.gguf"], GgufTensorType.Q8_0, folder);
        File.Copy(Path.Combine(folder, "tokenizer.model"), _from["tokenizer.model"]);
        ComesBack();
        string vectors = File.ReadAllText(Golden.Shared("tokenizers", "gguf-vocab", "ggml-vocab-llama-spm.gguf.inp"));
        Assert.Equal(TextTokenizer.Load(folder).Encode(vectors), TextTokenizer.Load(_folder["m.gguf"]).Encode(vectors));
    }

    [Fact]
    public void What_llama_cpp_would_do_differently_is_refused()
    {
        void Refuses(string expected) => Assert.Contains(expected, Assert.Throws<InputException>(Export).Message);
        WriteBytePairs(BytePairOptions.Gpt2 with { AddPrefixSpace = true });
        Refuses("tokenizer.json: GGUF has no name for byte-level BPE with a blank in front of the text (add_prefix_space)");
        WriteBytePairs(BytePairOptions.Qwen2 with { IgnoreMerges = true });
        Refuses("that takes whole words first (ignore_merges) with this pattern");
        WriteBytePairs(BytePairOptions.Qwen2, strip: true);
        Refuses("added token \"<t>\" has single_word, lstrip or rstrip, which GGUF cannot say");
        WriteSentencePiece(removeExtraBlanks: true);
        Refuses("tokenizer.model: drops extra blanks");
        File.Delete(_from["tokenizer.model"]);
        File.Delete(_from["tokenizer.json"]);
        File.WriteAllText(_from["vocab.txt"], "[UNK]\na\n");
        Refuses("is a WordPiece tokenizer");
    }
}
