using FedSpine.Engine.Formats;
using FedSpine.Engine.Formats.Gguf;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tests.Formats.Gguf;
using FedSpine.Engine.Tests.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Models;

/// <summary>Models whose frozen matrices are kept in 16 or 8 bits.</summary>
public sealed class BaseTypeTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);
    private readonly TempFolder _folder = new();

    public static IEnumerable<TheoryDataRow<string, WeightType>> FoldersAndTypes =>
        from folder in new[] { "roberta", "llama" } from type in new[] { WeightType.BF16, WeightType.Q8_0 } select new TheoryDataRow<string, WeightType>(folder, type);

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    /// <summary>What a type costs in accuracy: the reference values were computed with float64 weights.</summary>
    [Theory]
    [MemberData(nameof(FoldersAndTypes))]
    public void Logits_and_loss_stay_near_the_reference(string folder, WeightType type)
    {
        using var golden = new GoldenCase(Golden.Case(folder));
        using var model = Load(golden.Folder, type);
        using var inference = new Inference(model, golden.Batch.B, golden.Batch.T);
        Assert.InRange(golden.LogitError("lora.logits", inference.Logits(golden.Batch)), 1e-4, 0.03); // at least: the type is really there
        Assert.InRange(inference.Evaluate(golden.Batch).Loss / golden["lora.loss"][0], 0.99, 1.01);
    }

    /// <summary>Exactly the model whose weights are the rounded ones: logits and adapter gradients differ by float32's rounding only.</summary>
    [Theory]
    [MemberData(nameof(FoldersAndTypes))]
    public void It_is_the_model_of_the_rounded_weights(string folder, WeightType type)
    {
        using var golden = new GoldenCase(Golden.Case(folder));
        using var model = Load(golden.Folder, type);
        using var rounded = Load(golden.Folder, WeightType.F32);
        foreach (var (from, to) in model.Parameters.Zip(rounded.Parameters))
        {
            bool large = from.Weight.Type == type;
            Assert.Equal(large, from.Name.Contains("word_embeddings", StringComparison.Ordinal) || from.Name.Contains("embed_tokens", StringComparison.Ordinal)
                || from.Name == "lm_head.weight" || (from.Layer >= 0 && !from.IsVector && !from.Trainable));
            _backend.Upload<float>(to.Value, from.Download(_backend));
        }

        var (actual, expected) = (Gradients(model, golden.Batch), Gradients(rounded, golden.Batch));
        Assert.InRange(Math.Abs(actual.Loss / expected.Loss - 1), 0, 1e-5);
        Assert.InRange(Compare.Frobenius(actual.Values, expected.Values), 0, 1e-4);
    }

    [Theory]
    [MemberData(nameof(FoldersAndTypes))]
    public void Memory_is_what_the_type_takes(string folder, WeightType type)
    {
        using var model = Load(Golden.Case(folder), type);
        using var full = Load(Golden.Case(folder), WeightType.F32);
        long saved = model.Parameters.Where(p => p.Type != WeightType.F32)
            .Sum(p => Arena.Align(4L * p.Length) - Arena.Align(type == WeightType.BF16 ? 2L * p.Length : p.Rows * 34L * ((p.Columns + 31) / 32)));
        Assert.True(saved > 0);
        Assert.Equal(full.Bytes - saved, model.Bytes);
        Assert.Equal(model.Bytes, StepCost.Training(model.Spec, Trainable.Adapter, model.Lora, 1, 4, baseType: type).ModelBytes);
    }

    [Theory]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8_0)]
    public void A_step_allocates_nothing_managed(WeightType type)
    {
        var spec = TinyModels.Llama(ModelHead.CausalLm).Widened();
        using var model = Model.Create(_backend, spec, Trainable.Adapter, TinyModels.Lora, baseType: type);
        ModelInitializer.Initialize(model, 3);
        var batch = TinyModels.Batch(spec, 3, 64, 20, 30, 64);
        using var trainer = new Trainer(model, new TrainingOptions(), 4, 64);
        double first = trainer.Step(batch).Loss, last = first;
        trainer.Step(batch);
        Assert.Equal(0, ManagedBytes.Least(() =>
        {
            for (int i = 0; i < 20; i++)
                last = trainer.Step(batch).Loss;
        }));
        Assert.True(last < first, $"the loss went from {first} to {last}");
    }

    /// <summary>Rows, and columns in bfloat16, bit by bit; columns in Q8_0 to half a step of the block that they fall into.</summary>
    [Theory]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8_0)]
    public void Pruning_keeps_the_right_numbers(WeightType type)
    {
        var random = new DeterministicRandom(5);
        for (int sample = 0; sample < 10; sample++)
        {
            var spec = RandomModels.Spec(random, 2, random.NextInt(2) == 0, width: 48, maxFfn: 100);
            using var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(3), baseType: type);
            ModelInitializer.Initialize(model, (ulong)sample);
            using var pruned = ModelSurgery.Prune(model, RandomModels.Cut(random, model.Kept));
            Assert.Equal(type, pruned.BaseType);
            foreach (var (from, to) in model.Parameters.Zip(pruned.Parameters).Where(p => p.First.Type == type))
            {
                int[]? Kept(GroupAxis axis) => to.Layer < 0 ? null : pruned.Kept[to.Layer].Elements(axis, pruned.BaseLayers[to.Layer].HeadSize);
                int[] rows = Kept(to.RowAxis) ?? [.. Enumerable.Range(0, to.Rows)], columns = Kept(to.ColumnAxis) ?? [.. Enumerable.Range(0, to.Columns)];
                float[] before = from.Download(_backend), after = to.Download(_backend);
                float largest = before.Max(MathF.Abs), step = type == WeightType.Q8_0 && columns.Length < from.Columns ? largest / 127 : 0;
                for (int i = 0; i < to.Length; i++)
                    Assert.InRange(after[i] - before[rows[i / to.Columns] * from.Columns + columns[i % to.Columns]], -0.51f * step, 0.51f * step);
            }
        }
    }

    [Theory]
    [MemberData(nameof(FoldersAndTypes))]
    public void Merging_adds_the_adapter_up_to_the_type(string folder, WeightType type)
    {
        using var model = Load(Golden.Case(folder), type);
        using var merged = AdapterMerge.Merge(model);
        ModelFolder.Save(model, _folder["saved"]);
        using var saved = ModelFolder.Load(_backend, _folder["saved"]).Model; // merged in float32
        Assert.Equal(type, merged.BaseType);
        foreach (var linear in merged.Layers.SelectMany(l => l.Linears))
        {
            float[] actual = linear.Weight.Download(_backend), expected = saved.Named(linear.Weight.Name).Download(_backend);
            Assert.InRange(Compare.Frobenius(actual, expected), 0, type == WeightType.BF16 ? 0.003 : 0.01);
        }
    }

    [Theory]
    [InlineData(GgufTensorType.BF16, WeightType.BF16)]
    [InlineData(GgufTensorType.Q8_0, WeightType.Q8_0)]
    public void A_gguf_file_of_the_type_keeps_its_values(GgufTensorType stored, WeightType type)
    {
        using var tokenizer = GgufCase.Tokenizer();
        using var model = Model.Create(_backend, GgufCase.Spec());
        ModelInitializer.Initialize(model, 7);
        GgufModel.Save(model, _folder["m.gguf"], stored, tokenizer.Path);
        using var full = GgufModel.Load(_backend, _folder["m.gguf"]).Model;
        using var small = GgufModel.Load(_backend, _folder["m.gguf"], new LoadOptions { BaseType = type }).Model;
        foreach (var (a, b) in full.Parameters.Zip(small.Parameters))
            Assert.Equal(a.Download(_backend), b.Download(_backend));
    }

    [Fact]
    public void Training_all_weights_is_refused()
    {
        var refused = Assert.Throws<InputException>(() => Load(Golden.Case("llama"), WeightType.BF16, Trainable.All));
        Assert.Contains("bf16", refused.Message);
        Assert.Contains("f32", refused.Message);
    }

    [Fact]
    public void A_weight_too_large_for_the_type_is_named()
    {
        var spec = TinyModels.Llama(ModelHead.CausalLm);
        using (var model = Model.Create(_backend, spec))
        {
            ModelInitializer.Initialize(model, 1);
            _backend.Upload<float>(model.Layers[1].Up.Weight.Value.Slice(13, 1), [1e9f]);
            ModelFolder.Save(model, _folder["large"]);
        }

        var refused = Assert.Throws<InputException>(() => ModelFolder.Load(_backend, _folder["large"], new LoadOptions { BaseType = WeightType.Q8_0 }));
        Assert.Contains("model.layers.1.mlp.up_proj.weight", refused.Message);
        Assert.Contains("[1, 1], which q8_0 cannot hold", refused.Message);
        ModelFolder.Load(_backend, _folder["large"], new LoadOptions { BaseType = WeightType.BF16 }).Model.Dispose();
    }

    /// <summary>A trained model, on text: the loss of float32 to a fraction of a percent.</summary>
    [Theory]
    [InlineData(WeightType.BF16, 0.001)]
    [InlineData(WeightType.Q8_0, 0.005)]
    public void Perplexity_of_a_trained_model_stays(WeightType type, double tolerance)
    {
        string path = Golden.Shared("models", "stories260K"), text = File.ReadAllText(Golden.Shared("data", "text", "tinystories.txt"))[..20_000];
        using var full = LanguageModel.Load(path, backend: _backend);
        using var small = LanguageModel.Load(path, new LoadOptions { BaseType = type }, _backend);
        double expected = full.Perplexity(text, 256, cancel: TestContext.Current.CancellationToken).Perplexity, actual = small.Perplexity(text, 256, cancel: TestContext.Current.CancellationToken).Perplexity;
        Assert.InRange(actual / expected, 1 - tolerance, 1 + tolerance);
        Assert.NotEqual(expected, actual);
    }

    private Model Load(string folder, WeightType type, Trainable trainable = Trainable.Adapter) => ModelFolder.Load(_backend, folder, new LoadOptions
    {
        Adapter = trainable == Trainable.All ? null : folder,
        Trainable = trainable,
        BaseType = type,
    }).Model;

    private (double Loss, float[] Values) Gradients(Model model, Batch batch)
    {
        using var trainer = new Trainer(model, new TrainingOptions(), batch.B, batch.T);
        double loss = trainer.ComputeGradients([batch]).Loss;
        return (loss, _backend.Read(model.TrainableGradients));
    }
}
