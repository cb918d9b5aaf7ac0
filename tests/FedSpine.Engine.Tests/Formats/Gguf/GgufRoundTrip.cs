using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats.Gguf;

public sealed class GgufRoundTrip : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _tokenizer = GgufCase.Tokenizer(), _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _tokenizer.Dispose();
        _folder.Dispose();
    }

    private LoadedModel Through(Model model, GgufTensorType type, LoadOptions? options = null)
    {
        GgufModel.Save(model, _folder["m.gguf"], type, _tokenizer.Path);
        return ModelSource.Load(_backend, _folder["m.gguf"], options);
    }

    [Theory]
    [InlineData(true, false, false, false)]
    [InlineData(false, false, false, true)]
    [InlineData(false, true, false, false)]
    [InlineData(true, true, false, true)]
    [InlineData(true, true, true, false)]
    [InlineData(false, true, true, true)]
    public void The_same_logits_come_out(bool tied, bool attentionBias, bool outputBias, bool prune)
    {
        using var whole = TinyModels.Random(_backend, GgufCase.Spec(tied, attentionBias) with { AttentionOutputBias = outputBias }, Trainable.None);
        using var pruned = prune ? GgufCase.Pruned(whole) : null;
        var model = pruned ?? whole;
        float[] expected = GgufCase.Logits(model);
        foreach (var (type, bound) in ((GgufTensorType, double)[])[(GgufTensorType.F32, 0), (GgufTensorType.F16, 0.01), (GgufTensorType.BF16, 0.08), (GgufTensorType.Q8_0, 0.12)])
        {
            var loaded = Through(model, type);
            using var again = loaded.Model;
            Assert.Equal(model.Spec.Layers, again.Spec.Layers);
            Assert.Equal(model.Spec with { Layers = [], Labels = [] }, again.Spec with { Layers = [], Labels = [] });
            Assert.Empty(loaded.Initialised);
            double error = Compare.Frobenius(GgufCase.Logits(again), expected);
            Assert.True(error <= bound, $"{type}: the logits differ by {error:0.0e0}, expected at most {bound}");
        }
    }

    [Theory]
    [InlineData(RopeScalingKind.Linear, false, 1, 4, 8192)]
    [InlineData(RopeScalingKind.Llama3, false, 1, 4, 8192)]
    [InlineData(RopeScalingKind.Llama3, false, 0.5, 6, 300)]
    [InlineData(RopeScalingKind.Linear, true, 1, 4, 8192)]
    [InlineData(RopeScalingKind.Llama3, true, 1, 4, 600)]
    public void Scaled_rotary_embeddings_come_back(RopeScalingKind kind, bool attentionBias, float low, float high, int length)
    {
        var spec = GgufCase.Spec(attentionBias: attentionBias) with { RopeTheta = 500000, RopeScaling = kind == RopeScalingKind.Linear ? new(kind, 4) : new(kind, 8, low, high, length) };
        using var model = TinyModels.Random(_backend, spec, Trainable.None);
        using var again = Through(model, GgufTensorType.F32).Model;
        Assert.Equal(spec.RopeScaling, again.Spec.RopeScaling);
        Assert.Equal(GgufCase.Logits(model), GgufCase.Logits(again));
        using var file = GgufFile.Open(_folder["m.gguf"]);
        Assert.Equal(kind == RopeScalingKind.Linear, !file.Tensors.ContainsKey("rope_freqs.weight"));
    }

    [Fact]
    public void An_imported_model_saved_as_a_folder_is_the_same_model()
    {
        using var whole = TinyModels.Random(_backend, GgufCase.Spec(tied: false), Trainable.None);
        using var model = GgufCase.Pruned(whole);
        using var imported = Through(model, GgufTensorType.F32).Model;
        ModelFolder.Save(imported, _folder["hf"], tokenizerFrom: _folder["m.gguf"]);
        using var again = ModelFolder.Load(_backend, _folder["hf"]).Model;
        Assert.Equal(GgufCase.Logits(model), GgufCase.Logits(again));
        SameTokenizer(TextTokenizer.Load(_tokenizer.Path), TextTokenizer.Load(_folder["hf"]), GgufCase.Texts);
    }

    [Fact]
    public void A_gguf_file_gives_the_same_gguf_file()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(), Trainable.None);
        using var imported = Through(model, GgufTensorType.Q8_0).Model;
        Directory.CreateDirectory(_folder["again"]);
        string again = Path.Combine(_folder["again"], "m.gguf");
        GgufModel.Save(imported, again, GgufTensorType.Q8_0, tokenizerFrom: _folder["m.gguf"]);
        Assert.Equal(File.ReadAllBytes(_folder["m.gguf"]), File.ReadAllBytes(again));
    }

    [Fact]
    public void Options_are_honoured()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(tied: false), Trainable.Adapter, new LoraSpec(2, 4, LoraSpec.AllLinears));
        float[] expected = GgufCase.Logits(model);
        PeftAdapter.Save(model, _folder["adapter"]);
        using var plain = Model.Create(_backend, model.Spec);
        foreach (var parameter in plain.Parameters)
            _backend.Copy(parameter.Value, model.Named(parameter.Name).Value);
        using (var adapted = Through(plain, GgufTensorType.F32, new LoadOptions { Adapter = _folder["adapter"], Trainable = Trainable.Adapter }).Model)
            Assert.Equal(expected, GgufCase.Logits(adapted));
        using (var tunable = ModelSource.Load(_backend, _folder["m.gguf"], new LoadOptions { Lora = new LoraSpec(3, 6, LoraSpec.AllLinears), Trainable = Trainable.Adapter }).Model)
        {
            Assert.Equal(3, tunable.Lora!.Rank);
            Assert.Equal(GgufCase.Logits(plain), GgufCase.Logits(tunable)); // new adapters change nothing
        }

        var classifier = ModelSource.Load(_backend, _folder["m.gguf"], new LoadOptions { Head = ModelHead.SequenceClassification, Labels = ["no", "yes"] });
        using var head = classifier.Model;
        Assert.Equal(["score.weight"], classifier.Initialised);
        Assert.Equal(["output.weight"], classifier.Ignored);
        Assert.Equal(["no", "yes"], head.Spec.Labels);
        Assert.Contains("no MaskedLm head", Assert.Throws<InputException>(() => ModelSource.Load(_backend, _folder["m.gguf"], new LoadOptions { Head = ModelHead.MaskedLm })).Message);
    }

    [Fact]
    public void A_byte_level_tokenizer_comes_back()
    {
        using var model = TinyModels.Random(_backend, GgufCase.Spec(layers: 1), Trainable.None);
        GgufModel.Save(model, _folder["m.gguf"], GgufTensorType.F16, _tokenizer.Path);
        SameTokenizer(TextTokenizer.Load(_tokenizer.Path), ModelSource.LoadTokenizer(_folder["m.gguf"]), GgufCase.Texts);
    }

    [Fact]
    public void A_trained_llama_and_its_tokenizer_come_back()
    {
        string stories = Golden.Shared("models", "stories260K");
        using var model = ModelFolder.Load(_backend, stories).Model;
        GgufModel.Save(model, _folder["m.gguf"], GgufTensorType.F32, stories);
        using var again = GgufModel.Load(_backend, _folder["m.gguf"]).Model;
        foreach (var parameter in model.Parameters)
            Assert.Equal(_backend.Read(parameter.Value), _backend.Read(again.Named(parameter.Name).Value));

        var tokenizer = TextTokenizer.Load(stories);
        string[] texts = [.. GgufCase.Texts, "Once upon a time, there was a café", "a\tb  c<s>d"];
        SameTokenizer(tokenizer, ModelSource.LoadTokenizer(_folder["m.gguf"]), texts);
        ModelFolder.Save(again, _folder["hf"], tokenizerFrom: _folder["m.gguf"]);
        SameTokenizer(tokenizer, TextTokenizer.Load(_folder["hf"]), texts);
    }

    private static void SameTokenizer(TextTokenizer expected, TextTokenizer actual, string[] texts)
    {
        Assert.Equal((expected.VocabularySize, expected.BosId, expected.EosId, expected.PadId, expected.UnkId, expected.MaskId),
            (actual.VocabularySize, actual.BosId, actual.EosId, actual.PadId, actual.UnkId, actual.MaskId));
        foreach (string text in texts)
        {
            int[] ids = expected.Encode(text);
            Assert.Equal(ids, actual.Encode(text));
            Assert.Equal(expected.Decode(ids), actual.Decode(ids));
        }
    }
}
