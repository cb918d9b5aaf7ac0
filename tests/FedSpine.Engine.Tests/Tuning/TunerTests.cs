using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Tuning;

public sealed class TunerTests : IDisposable
{
    private static readonly ModelSpec Spec = TinyModels.Llama(ModelHead.CausalLm).Widened(width: 32, heads: 4, layers: 4);

    private readonly IComputeBackend _backend = HostBackend.Create(2);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Tuning_an_adapter_learns_a_sequence_and_leaves_the_base_alone()
    {
        using var model = NewModel();
        var frozen = model.Parameters.First(p => !p.Trainable && !p.IsVector);
        float[] before = _backend.Read(frozen.Value);
        using var tuner = new Tuner(model, Counting(), new TuneOptions { Steps = 60, Batch = 8, LearningRate = 0.01 });
        var result = tuner.Run(cancel: Token);
        Assert.Equal((60, 0), (result.Steps, result.VoidSteps));
        Assert.True(result.Final.Loss < 0.5 * result.Points[0].Test.Loss, $"loss {result.Points[0].Test.Loss} to {result.Final.Loss}");
        Assert.Equal(before, _backend.Read(frozen.Value));
        Assert.Equal([0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60], result.Points.Select(p => p.Step));
    }

    [Fact]
    public void The_best_evaluation_is_kept()
    {
        // A rate that first learns and then destroys: the last weights are worse than the best ones.
        using var model = NewModel();
        using var tuner = new Tuner(model, Counting(), new TuneOptions { Steps = 40, Batch = 8, LearningRate = 0.5, Warmup = 1, EvaluateEvery = 2, ClipNorm = 0 });
        var result = tuner.Run(cancel: Token);
        double best = result.Points.Min(p => p.Test.Loss);
        Assert.True(result.Points[^1].Test.Loss > best, "the rate was meant to destroy what was learned");
        Assert.Equal(best, result.Final.Loss, 1e-9);
        Assert.Equal(result.Points.First(p => p.Test.Loss == best).Step, result.KeptStep);
    }

    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(0.4, 2)]
    public void A_resumed_run_ends_as_an_uninterrupted_one(double ratio, int accumulate)
    {
        var options = new TuneOptions { Steps = 30, Batch = 4, Accumulate = accumulate, LearningRate = 0.01, Ratio = ratio, PruneInterval = 4, Dropout = 0.1 };
        float[] expected = Finish(options, NewModel(), null, null, out var whole, Token);

        using var folder = new TempFolder();
        foreach (int stopAt in (int[])[5, 11, 23]) // before, between and after the pruning events
        {
            using var cancel = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => Finish(options, NewModel(), folder.Path, new StopAt(stopAt, cancel), out _, cancel.Token));
            Assert.Single(Directory.GetFiles(folder.Path, "*.json"));
        }

        Assert.Equal(expected, Finish(options, NewModel(), folder.Path, null, out var resumed, Token));
        Assert.Equal(whole.Points, resumed.Points);
        Assert.Equal((whole.KeptStep, whole.Final, whole.Flops), (resumed.KeptStep, resumed.Final, resumed.Flops));
    }

    [Fact]
    public void Pruning_while_tuning_reaches_the_ratio_in_steps_and_recovers()
    {
        using var tuner = new Tuner(NewModel(), Counting(), new TuneOptions { Steps = 80, Batch = 8, LearningRate = 0.01, Ratio = 0.4, PruneInterval = 8 });
        Assert.Equal(6, tuner.PruningEvents);
        var progress = new Events();
        var result = tuner.Run(progress, cancel: Token);
        using var model = tuner.Model;
        Assert.Equal(PruningRatio.Of(model), result.Ratio);
        Assert.InRange(result.Ratio, 0.37, 0.43);
        Assert.Equal(6, progress.Ratios.Count);
        Assert.Equal(progress.Ratios.Order(), progress.Ratios);
        Assert.True(result.KeptStep >= 48, "weights from before the last pruning event do not fit the model");
        Assert.True(result.Final.Loss < result.Points[0].Test.Loss);
    }

    [Fact]
    public void Pruning_at_once_is_surgery_alone()
    {
        var original = NewModel();
        float[] rows = _backend.Read(original.Layers[1].Up.Weight.Value);
        using var tuner = new Tuner(original, Counting(), new TuneOptions { Steps = 4, Batch = 8, Ratio = 0.3 });
        tuner.PruneAtOnce(4, cancel: Token);
        using var model = tuner.Model;
        Assert.InRange(PruningRatio.Of(model), 0.27, 0.33);
        int width = model.Spec.Width;
        float[] expected = [.. model.Kept[1].Channels.SelectMany(c => rows.AsSpan(c * width, width).ToArray())];
        Assert.Equal(expected, _backend.Read(model.Layers[1].Up.Weight.Value));
    }

    [Fact]
    public void A_checkpoint_of_another_run_is_refused()
    {
        using var folder = new TempFolder();
        Finish(new TuneOptions { Steps = 4, Batch = 4 }, NewModel(), folder.Path, null, out _, Token);
        using var model = NewModel();
        using var tuner = new Tuner(model, Counting(), new TuneOptions { Steps = 5, Batch = 4 });
        Assert.Contains("is not a checkpoint of this run", Assert.Throws<InputException>(() => tuner.Restore(folder.Path)).Message);
        Assert.Contains("holds no checkpoint", Assert.Throws<InputException>(() => tuner.Restore(folder["nowhere"])).Message);
    }

    /// <summary>Runs to the end, from a checkpoint where there is one; the trainable values.</summary>
    private float[] Finish(TuneOptions options, Model model, string? checkpoint, ITuneProgress? progress, out TuneResult result, CancellationToken cancel)
    {
        using var tuner = new Tuner(model, Counting(), options);
        try
        {
            if (checkpoint is not null && Directory.EnumerateFiles(checkpoint).Any())
                tuner.Restore(checkpoint);
            result = tuner.Run(progress, checkpoint, cancel);
            var values = new float[tuner.Model.TrainableValues.Length];
            _backend.Download<float>(values, tuner.Model.TrainableValues);
            return values;
        }
        finally
        {
            tuner.Model.Dispose();
        }
    }

    private Model NewModel()
    {
        var model = Model.Create(_backend, Spec, Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(model, seed: 4);
        return model;
    }

    /// <summary>Rows that count upwards from a random start: each token tells the next.</summary>
    private static TaskData Counting()
    {
        var random = new DeterministicRandom(8);
        TaskExample Row()
        {
            int start = random.NextInt(8), length = 6 + random.NextInt(6);
            return new TaskExample([.. Enumerable.Range(start, length)], new int[length], -1, -1);
        }

        return new TaskData(TaskKind.CausalLm, 0, [.. Enumerable.Range(0, 40).Select(_ => Row())], [.. Enumerable.Range(0, 12).Select(_ => Row())], [], []);
    }

    private class Events : ITuneProgress
    {
        public List<double> Ratios { get; } = [];

        public List<MemoryPlan> Plans { get; } = [];

        public void Planned(MemoryPlan plan) => Plans.Add(plan);

        public virtual void Step(int step, int steps, double loss, double tokensPerSecond)
        {
        }

        public void Evaluated(TunePoint point, bool best)
        {
        }

        public void Pruned(int step, double ratio, long parameters) => Ratios.Add(ratio);
    }

    private sealed class StopAt(int at, CancellationTokenSource cancel) : Events
    {
        public override void Step(int step, int steps, double loss, double tokensPerSecond)
        {
            if (step == at)
                cancel.Cancel();
        }
    }
}
