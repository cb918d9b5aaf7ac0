using System.Text.Json;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tests.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>Importance and physical removal against PyTorch's float64, within the tolerances that the reference values state.</summary>
public sealed class GoldenPruning : IDisposable
{
    private const double LogitTolerance = 2e-5, LossTolerance = 1e-5, GradientTolerance = 1e-4, ImportanceTolerance = 1e-3;

    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static TheoryData<string> Folders => GoldenCase.Folders;

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Folders))]
    public void RemovalEqualsGatesSetToZero(string folder)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter: true);
        using var pruned = ModelSurgery.Prune(model, Keep(folder, model));
        Assert.True(pruned.PrunableCount < model.PrunableCount);
        using var inference = new Inference(pruned, golden.Batch.B, golden.Batch.T);
        Assert.InRange(golden.LogitError("pruned.logits", inference.Logits(golden.Batch)), 0, LogitTolerance);
        Assert.Equal(golden["pruned.loss"][0], inference.Evaluate(golden.Batch).Loss, LossTolerance * golden["pruned.loss"][0]);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void LoraGradientSumsPerModule(string folder)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter: true, Trainable.Adapter);
        using var trainer = new Trainer(model, new TrainingOptions(), golden.Batch.B, golden.Batch.T);
        trainer.ComputeGradients([golden.Batch]);
        using var sums = new ModuleVectors(model);
        int compared = 0;
        for (int l = 0; l < sums.Layers; l++)
        {
            for (int i = 0; i < sums.Modules(l).Length; i++, compared++)
            {
                var m = sums.Modules(l)[i];
                _backend.LoraImportance(sums.Device(l, i), m.Operands, m.A!.Gradient, m.B!.Gradient, ModuleVectors.Axis(m));
                Assert.InRange(Compare.Frobenius(_backend.Read(sums.Device(l, i)), golden[$"importance.{m.Name}"]), 0, ImportanceTolerance);
            }
        }

        Assert.Equal(golden.Names.Count(n => n.StartsWith("importance.", StringComparison.Ordinal)), compared);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void LoraGradientScores(string folder)
    {
        using var golden = new GoldenCase(folder);
        AssertScores(golden, new LoraGradientCriterion(), ImportanceTolerance, (model, l) =>
        {
            var (groups, channels) = (new double[model.Spec.Layers[l].KeyValueHeads], new double[model.Spec.Layers[l].FfnWidth]);
            foreach (var m in model.Layers[l].Linears)
            {
                float[] sums = golden[$"importance.{m.Name}"];
                double norm = Math.Sqrt(sums.Sum(x => (double)x * x));
                double[] target = m.Role is LinearRole.Gate or LinearRole.Up or LinearRole.Down ? channels : groups;
                for (int i = 0; i < sums.Length; i++)
                    target[i * target.Length / sums.Length] += sums[i] / norm;
            }

            return (groups, channels);
        });
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void TaylorScores(string folder)
    {
        using var golden = new GoldenCase(folder);
        double[] SumOverExamples(float[] gates, int into)
        {
            int G = gates.Length / golden.Batch.B;
            var sums = new double[into];
            for (int i = 0; i < gates.Length; i++)
                sums[i % G * into / G] += Math.Abs(gates[i]);
            return sums;
        }

        AssertScores(golden, new TaylorCriterion(), GradientTolerance, (model, l) =>
        {
            string prefix = $"gate_grad.{ModelNames.Layer(model.Spec.Family, l)}";
            return (SumOverExamples(golden[$"{prefix}.heads"], model.Spec.Layers[l].KeyValueHeads),
                SumOverExamples(golden[$"{prefix}.channels"], model.Spec.Layers[l].FfnWidth));
        });
    }

    /// <summary>What a trainer gives the scorer in one step, unsmoothed.</summary>
    private void AssertScores(GoldenCase golden, IImportanceCriterion criterion, double tolerance, Func<Model, int, (double[] Groups, double[] Channels)> expect)
    {
        using var model = golden.Load(_backend, adapter: true, Trainable.Adapter);
        using var trainer = new Trainer(model, new TrainingOptions(), golden.Batch.B, golden.Batch.T);
        using var scorer = new ImportanceScorer(criterion, model, lambda: 0);
        trainer.ComputeGradients([golden.Batch], scorer);
        Assert.Equal(1, scorer.Steps);
        var scores = scorer.Scores();
        for (int l = 0; l < scores.Length; l++)
        {
            var (groups, channels) = expect(model, l);
            Assert.InRange(Compare.Frobenius(scores[l].Groups, [.. groups.Select(x => (float)x)]), 0, tolerance);
            Assert.InRange(Compare.Frobenius(scores[l].Channels, [.. channels.Select(x => (float)x)]), 0, tolerance);
        }
    }

    /// <summary>What pruned.json leaves. Pruned heads are query heads; under grouped-query attention they come as whole groups.</summary>
    private static KeptGroups[] Keep(string folder, Model model)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "pruned.json")));
        return [.. model.Spec.Layers.Select((layer, l) =>
        {
            var pruned = json.RootElement.GetProperty($"{ModelNames.Layer(model.Spec.Family, l)}.");
            int[] Without(string name, int count) =>
                [.. Enumerable.Range(0, count).Except(pruned.GetProperty(name).EnumerateArray().Select(e => e.GetInt32()))];
            int[] heads = Without("pruned_heads", layer.QueryHeads);
            int run = layer.QueryHeads / layer.KeyValueHeads;
            return new KeptGroups(heads, [.. heads.Select(h => h / run).Distinct()], Without("pruned_channels", layer.FfnWidth));
        })];
    }
}
