using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Text;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests;

public sealed class LanguageModelTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _backend.Dispose();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Tuned, pruned, merged, saved, exported, imported again: the same logits at every step.</summary>
    [Fact]
    public void A_model_computes_the_same_at_every_step_of_its_way()
    {
        using var model = LanguageModel.Load(NewDecoder(), backend: _backend);
        model.AttachAdapter(new LoraSpec(4, 8, LoraSpec.AllLinears));
        var data = model.Encode(TaskRecords.Read(TaskKind.CausalLm, _folder["text.txt"]), length: 24);
        var result = model.Tune(data, new TuneOptions { Steps = 30, Batch = 8, LearningRate = 0.01, Ratio = 0.3, PruneInterval = 5 }, cancel: Token);
        Assert.InRange(result.Ratio, 0.27, 0.33);
        Assert.NotEqual(model.Model.Spec.Layers[1], model.Model.Spec.Layers[0]);
        float[] tuned = Logits(model.Model);

        model.SaveAdapter(_folder["adapter"]);
        model.Save(_folder["saved"]);
        model.SaveGguf(_folder["f32.gguf"], GgufTensorType.F32);
        model.SaveGguf(_folder["f16.gguf"], GgufTensorType.F16);
        model.SaveGguf(_folder["q8_0.gguf"], GgufTensorType.Q8_0);
        model.MergeAdapter();
        Same(tuned, Logits(model.Model), 1e-5, "merged");
        model.Save(_folder["merged"]);
        model.Save(_folder["half"], SafetensorsType.F16);

        foreach (var (source, tolerance) in ((string, double)[])[("saved", 1e-5), ("merged", 1e-5), ("half", 5e-3), ("f32.gguf", 1e-5), ("f16.gguf", 5e-3), ("q8_0.gguf", 5e-2)])
        {
            using var again = LanguageModel.Load(_folder[source], backend: _backend);
            Same(tuned, Logits(again.Model), tolerance, source);
            Assert.Equal(model.Tokenizer.Encode("ab cab"), again.Tokenizer.Encode("ab cab"));
            // And from what was exported, a folder again.
            again.Save(_folder["again-" + source]);
            using var third = LanguageModel.Load(_folder["again-" + source], backend: _backend);
            Assert.Equal(Logits(again.Model), Logits(third.Model));
        }
    }

    [Fact]
    public void Attaching_an_adapter_changes_nothing_and_a_second_one_merges_the_first()
    {
        using var model = LanguageModel.Load(NewDecoder(), backend: _backend);
        float[] before = Logits(model.Model);
        model.AttachAdapter(new LoraSpec(2, 4, LoraSpec.AllLinears));
        Assert.Equal(before, Logits(model.Model));
        var data = model.Encode(TaskRecords.Read(TaskKind.CausalLm, _folder["text.txt"]), length: 24);
        model.Tune(data, new TuneOptions { Steps = 5, Batch = 4, LearningRate = 0.01 }, cancel: Token);
        float[] tuned = Logits(model.Model);
        Assert.NotEqual(before, tuned);
        model.AttachAdapter(new LoraSpec(3, 4, [LinearRole.Query]));
        Same(tuned, Logits(model.Model), 1e-5, "with a second adapter");
        Assert.Equal(3, model.Model.Layers[0].Query.Rank);
        Assert.Equal(0, model.Model.Layers[0].Up.Rank);
    }

    [Fact]
    public void Perplexity_of_a_trained_model_is_llama_cpps()
    {
        using var model = LanguageModel.Load(Golden.Shared("models", "stories260K"), backend: _backend);
        string text = File.ReadAllText(Golden.Shared("data", "text", "tinystories.txt"));
        var result = model.Perplexity(text, 256, cancel: Token);
        Assert.Equal(49_911, result.Count);
        Assert.Equal(6.048, result.Perplexity, 6.048 * 0.001);
    }

    [Fact]
    public void What_a_model_cannot_do_is_said_in_one_line()
    {
        using var model = LanguageModel.Load(NewDecoder(), backend: _backend);
        Assert.Contains("rank is 0", Assert.Throws<InputException>(() => model.AttachAdapter(new LoraSpec(0, 1, LoraSpec.AllLinears))).Message);
        Assert.Contains("needs data", Assert.Throws<InputException>(() => model.Prune(0.2, cancel: Token)).Message);
        var data = model.Encode(TaskRecords.Read(TaskKind.CausalLm, _folder["text.txt"]), length: 24);
        Assert.Contains("nothing to train", Assert.Throws<InputException>(() => model.Tune(data, new TuneOptions(), cancel: Token)).Message);
        Assert.Contains("has no adapters", Assert.Throws<FedSpineException>(() => model.SaveAdapter(_folder["none"])).Message);
        Assert.Contains("fewer than one context", Assert.Throws<InputException>(() => model.Perplexity("a", 16, cancel: Token)).Message);
    }

    private float[] Logits(Model model)
    {
        using var inference = new Inference(model, 2, 9);
        var batch = new Batch(2, 9);
        BatchBuilder.CausalLm(batch, [[5, 6, 7, 8, 9, 10, 11, 12, 13], [9, 8, 7, 6]], 0);
        float[] logits = inference.Logits(batch);
        return [.. logits.AsSpan(0, (9 + 4) * inference.LogitColumns)];
    }

    private static void Same(float[] expected, float[] actual, double tolerance, string what)
    {
        double scale = expected.Max(Math.Abs), worst = expected.Zip(actual).Max(p => Math.Abs(p.First - p.Second));
        Assert.True(worst <= tolerance * scale, $"{what}: logits of up to {scale:0.00} differ by {worst:0.0000000}");
    }

    /// <summary>A decoder with unlike layers on disk, its tokenizer, and text.txt to tune it on.</summary>
    private string NewDecoder()
    {
        var random = new DeterministicRandom(3);
        string[] words = ["abba", "cab", "bad", "dab", "cabbage", "deed", "faced"];
        string[] texts = [.. Enumerable.Range(0, 60).Select(_ => string.Join(' ', Enumerable.Range(0, 12).Select(_ => words[random.NextInt(words.Length)])))];
        File.WriteAllText(_folder["text.txt"], string.Join("\n\n", texts));
        var trainer = new BytePairTrainer();
        foreach (string text in texts)
            trainer.Add(text);
        trainer.Train(280).Save(_folder["base"]);
        var tokenizer = TextTokenizer.Load(_folder["base"]);
        var spec = TinyModels.Llama(ModelHead.CausalLm).Widened(width: 32, heads: 4, layers: 4) with
        {
            VocabularySize = tokenizer.VocabularySize, BosId = tokenizer.BosId, EosId = tokenizer.EosId,
        };
        using var model = Model.Create(_backend, spec);
        ModelInitializer.Initialize(model, seed: 2);
        ModelFolder.Save(model, _folder["base"]);
        return _folder["base"];
    }
}
