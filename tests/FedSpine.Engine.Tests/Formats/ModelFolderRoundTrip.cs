using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

public sealed class ModelFolderRoundTrip : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string> Kinds => [.. s_specs.Keys];

    private static readonly SortedDictionary<string, ModelSpec> s_specs = new()
    {
        ["roberta classifier"] = TinyModels.Roberta(ModelHead.SequenceClassification),
        ["roberta masked"] = TinyModels.Roberta(ModelHead.MaskedLm),
        ["roberta masked untied"] = TinyModels.Roberta(ModelHead.MaskedLm, tied: false),
        ["bert classifier"] = TinyModels.Bert(ModelHead.SequenceClassification),
        ["bert masked"] = TinyModels.Bert(ModelHead.MaskedLm),
        ["bert masked untied"] = TinyModels.Bert(ModelHead.MaskedLm, tied: false),
        ["llama causal"] = TinyModels.Llama(ModelHead.CausalLm),
        ["llama causal untied"] = TinyModels.Llama(ModelHead.CausalLm, tied: false),
        ["llama classifier"] = TinyModels.Llama(ModelHead.SequenceClassification),
        ["qwen2 causal"] = TinyModels.Llama(ModelHead.CausalLm, attentionBias: true),
        ["llama biased"] = TinyModels.Llama(ModelHead.CausalLm, attentionBias: true) with { AttentionOutputBias = true },
        ["llama linear rope"] = TinyModels.Llama(ModelHead.CausalLm) with { RopeScaling = new RopeScaling(RopeScalingKind.Linear, 2.5f) },
        ["llama3 rope"] = TinyModels.Llama(ModelHead.CausalLm) with { RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 32, 1.5f, 5, 64) },
        ["equal layers"] = TinyModels.Llama(ModelHead.CausalLm) with { Layers = [new LayerSpec(4, 2, 6, 9), new LayerSpec(4, 2, 6, 9)], BosId = 1, EosId = 2, RopeTheta = 5e5f, NormEpsilon = 1e-6f },
        ["equal encoder layers"] = TinyModels.Roberta(ModelHead.SequenceClassification) with { Activation = Activation.Relu, Layers = [new LayerSpec(3, 3, 4, 10), new LayerSpec(3, 3, 4, 10)], Labels = ["nein", "ja", "vielleicht \"ü\""] },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Spec_and_values_come_back(string kind)
    {
        using var saved = TinyModels.Random(_backend, s_specs[kind], Trainable.None);
        ModelFolder.Save(saved, _folder["m"]);
        var loaded = ModelFolder.Load(_backend, _folder["m"]);
        using var model = loaded.Model;
        Assert.Empty(loaded.Initialised);
        Assert.Empty(loaded.Ignored);
        AssertSameSpec(saved, model);
        foreach (var parameter in saved.Parameters)
            Assert.Equal(_backend.Read(parameter.Value), _backend.Read(model.Named(parameter.Name).Value));
    }

    [Fact]
    public void Only_layers_that_scalars_cannot_describe_need_the_extra_key()
    {
        foreach (string kind in (string[])["equal layers", "equal encoder layers"])
        {
            using var equal = TinyModels.Random(_backend, s_specs[kind], Trainable.None);
            ModelFolder.Save(equal, _folder[kind]);
            Assert.DoesNotContain("fedspine", File.ReadAllText(Path.Combine(_folder[kind], "config.json")));
        }

        using var unequal = TinyModels.Random(_backend, s_specs["llama causal"], Trainable.None);
        ModelFolder.Save(unequal, _folder["unequal"]);
        string config = File.ReadAllText(Path.Combine(_folder["unequal"], "config.json"));
        Assert.Contains("\"fedspine\"", config);
        Assert.DoesNotContain("\n  \"intermediate_size\"", config);
    }

    [Theory]
    [InlineData(SafetensorsType.F16, 1.0 / 2048)]
    [InlineData(SafetensorsType.BF16, 1.0 / 256)]
    public void Narrow_types_come_back_within_half_a_unit(SafetensorsType type, double relative)
    {
        using var saved = TinyModels.Random(_backend, s_specs["llama causal"], Trainable.None);
        ModelFolder.Save(saved, _folder["m"], type);
        using var model = ModelFolder.Load(_backend, _folder["m"]).Model;
        foreach (var parameter in saved.Parameters)
        {
            float[] expected = _backend.Read(parameter.Value), actual = _backend.Read(model.Named(parameter.Name).Value);
            for (int i = 0; i < expected.Length; i++)
                Assert.InRange(Math.Abs(actual[i] - expected[i]), 0, relative * Math.Abs(expected[i]) + 6e-8);
        }

        // What is exact in the type stays exact.
        ModelFolder.Save(model, _folder["again"], type);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder["m"], "model.safetensors")), File.ReadAllBytes(Path.Combine(_folder["again"], "model.safetensors")));
    }

    [Theory]
    [InlineData("roberta classifier")]
    [InlineData("llama causal")]
    public void A_pruned_model_remembers_what_it_kept(string kind)
    {
        using var whole = TinyModels.Random(_backend, s_specs[kind], Trainable.Adapter, TinyModels.Lora);
        bool decoder = whole.Spec.IsDecoder;
        KeptGroups[] keep =
        [
            decoder ? new KeptGroups([2, 3], [1], [0, 3, 4, 8]) : new KeptGroups([0, 2], [0, 2], [1, 2, 9]),
            KeptGroups.All(whole.Spec.Layers[1]) with { Channels = [1, 3] },
        ];
        using var pruned = ModelSurgery.Prune(whole, keep);
        ModelFolder.Save(pruned, _folder["m"], mergeAdapter: false);
        PeftAdapter.Save(pruned, _folder["a"]);
        using var model = ModelFolder.Load(_backend, _folder["m"], new LoadOptions { Adapter = _folder["a"], Trainable = Trainable.Adapter }).Model;
        AssertSameSpec(pruned, model);
        Assert.Equal(whole.Spec.Layers, model.BaseLayers);
        for (int i = 0; i < keep.Length; i++)
        {
            Assert.Equal(keep[i].QueryHeads, model.Kept[i].QueryHeads);
            Assert.Equal(keep[i].KeyValueHeads, model.Kept[i].KeyValueHeads);
            Assert.Equal(keep[i].Channels, model.Kept[i].Channels);
        }

        Assert.Equal(pruned.Parameters.Count, model.Parameters.Count);
        foreach (var parameter in pruned.Parameters)
            Assert.Equal(_backend.Read(parameter.Value), _backend.Read(model.Named(parameter.Name).Value));
    }

    [Fact]
    public void Merging_adds_the_scaled_product()
    {
        using var adapted = TinyModels.Random(_backend, s_specs["llama causal"], Trainable.Adapter, TinyModels.Lora);
        ModelFolder.Save(adapted, _folder["m"], mergeAdapter: true);
        using var merged = ModelFolder.Load(_backend, _folder["m"]).Model;
        foreach (var linear in adapted.Layers.SelectMany(l => l.Linears))
        {
            float[] w = _backend.Read(linear.Weight.Value), a = _backend.Read(linear.A!.Value), b = _backend.Read(linear.B!.Value);
            var actual = _backend.Read(merged.Named(linear.Weight.Name).Value);
            for (int i = 0; i < w.Length; i++)
            {
                double sum = w[i];
                for (int k = 0; k < linear.Rank; k++)
                    sum += 2.0 * b[i / linear.In * linear.Rank + k] * a[k * linear.In + i % linear.In];
                Assert.Equal(sum, actual[i], 1e-6);
            }
        }
    }

    [Fact]
    public void Weights_that_are_not_finite_are_not_saved_over_good_ones()
    {
        using var model = TinyModels.Random(_backend, s_specs["bert masked"], Trainable.None);
        ModelFolder.Save(model, _folder["m"]);
        byte[] good = File.ReadAllBytes(Path.Combine(_folder["m"], "model.safetensors"));
        var down = model.Layers[1].Down.Weight;
        _backend.Upload<float>(down.Value.Slice(5, 1), [float.NaN]);
        var error = Assert.Throws<FedSpineException>(() => ModelFolder.Save(model, _folder["m"]));
        Assert.Contains($"tensor {down.Name} holds NaN at [0, 5]", error.Message);
        Assert.Equal(good, File.ReadAllBytes(Path.Combine(_folder["m"], "model.safetensors")));
        Assert.Equal(["config.json", "model.safetensors"], Directory.EnumerateFileSystemEntries(_folder["m"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Tokenizer_files_go_along_and_others_stay()
    {
        foreach (string name in (string[])["tokenizer.json", "merges.txt", "notes.txt"])
            File.WriteAllText(_folder[name], name);
        Directory.CreateDirectory(_folder["m"]);
        File.WriteAllText(Path.Combine(_folder["m"], "README.md"), "kept");
        using var model = TinyModels.Random(_backend, s_specs["bert masked"], Trainable.None);
        ModelFolder.Save(model, _folder["m"], tokenizerFrom: _folder.Path);
        Assert.Equal(["README.md", "config.json", "merges.txt", "model.safetensors", "tokenizer.json"],
            Directory.EnumerateFileSystemEntries(_folder["m"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        ModelFolder.CopyTokenizerFiles(_folder["m"], _folder["n"]);
        Assert.Equal("merges.txt", File.ReadAllText(Path.Combine(_folder["n"], "merges.txt")));
    }

    private static void AssertSameSpec(Model expected, Model actual)
    {
        Assert.Equal(expected.Spec with { Layers = [], Labels = [] }, actual.Spec with { Layers = [], Labels = [] });
        Assert.Equal(expected.Spec.Layers, actual.Spec.Layers);
        Assert.Equal(expected.Spec.Labels, actual.Spec.Labels);
    }
}
