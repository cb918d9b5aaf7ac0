using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Engine.Tuning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Tuning;

public sealed class MemoryPlanTests : IDisposable
{
    private static readonly ModelSpec Spec = TinyModels.Llama(ModelHead.CausalLm).Widened(layers: 8);

    private readonly IComputeBackend _backend = HostBackend.Create(2);
    private readonly Model _model;

    public MemoryPlanTests()
    {
        _model = Model.Create(_backend, Spec, Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(_model, seed: 4);
    }

    public void Dispose()
    {
        _model.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public void The_less_memory_the_more_work_and_the_same_examples()
    {
        var options = new TuneOptions { Batch = 12, Accumulate = 2, Dropout = 0.1 };
        var plans = Ways(options, from: MemoryPlan.ProcessBytes + (64 << 20));
        Assert.Equal((Recompute.None, 12, 2), (plans[0].Recompute, plans[0].Batch, plans[0].Accumulate));
        Assert.Equal((Recompute.Full, 1), (plans[^1].Recompute, plans[^1].Batch));
        Assert.All(plans, p => Assert.Equal(24, p.Batch * p.Accumulate));
        long Work(MemoryPlan p) => p.Accumulate * StepCost.Training(Spec, Trainable.Adapter, TinyModels.Lora, p.Batch, 64, 0.1f, p.Recompute).Flops;
        Assert.True(Work(plans[^1]) > 1.1 * Work(plans[0]));
        Assert.True(plans.Count > 5);
        foreach (var plan in plans)
            Assert.True(plan.WorkBytes >= StepCost.Training(Spec, Trainable.Adapter, TinyModels.Lora, plan.Batch, 64, 0.1f, plan.Recompute).ActivationBytes);
    }

    [Fact]
    public void What_is_asked_to_be_recomputed_is()
    {
        var plans = Ways(new TuneOptions { Batch = 8, Recompute = Recompute.Attention }, from: MemoryPlan.ProcessBytes + (64 << 20));
        Assert.Equal([8, 4, 2, 1], plans.Select(p => p.Batch));
        Assert.All(plans, p => Assert.Equal(Recompute.Attention, p.Recompute));
    }

    [Fact]
    public void A_prime_batch_is_divided_into_single_examples_and_few_examples_make_a_small_one()
    {
        Assert.Equal([7, 1], Ways(new TuneOptions { Batch = 7, Recompute = Recompute.None }, from: 1 << 30).Select(p => p.Batch));
        var few = MemoryPlan.Choose(_model, 64, examples: 5, new TuneOptions { Batch = 16, MemoryBytes = 1 << 30 });
        Assert.Equal((5, 1), (few.Batch, few.Accumulate));
    }

    [Fact]
    public void Pruning_and_the_best_weights_need_room()
    {
        var options = new TuneOptions { Batch = 1, MemoryBytes = 1 << 30, KeepBest = false };
        var plain = MemoryPlan.Choose(_model, 8, 100, options);
        Assert.Equal(_model.Bytes, plain.ModelBytes);
        Assert.Equal(_model.Bytes + _model.TrainableValues.Bytes, MemoryPlan.Choose(_model, 8, 100, options with { KeepBest = true }).ModelBytes);
        Assert.Equal(Math.Max(plain.WorkBytes, _model.Bytes), MemoryPlan.Choose(_model, 8, 100, options with { Ratio = 0.3 }).WorkBytes);
    }

    [Fact]
    public void What_does_not_fit_says_what_would()
    {
        var options = new TuneOptions { Batch = 8, MemoryBytes = MemoryPlan.ProcessBytes + _model.Bytes + (1 << 20) };
        string message = Assert.Throws<InputException>(() => MemoryPlan.Choose(_model, 160, 100, options)).Message;
        Assert.StartsWith("--memory ", message);
        Assert.Contains("is needed", message);
        Assert.Contains("1 x 160 tokens at a time with recompute full", message);
        int shorter = int.Parse(message.Split("--length ")[1].Split(')')[0]);
        MemoryPlan.Choose(_model, shorter, 100, options);

        var hopeless = options with { MemoryBytes = MemoryPlan.ProcessBytes };
        Assert.DoesNotContain("would fit", Assert.Throws<InputException>(() => MemoryPlan.Choose(_model, 160, 100, hopeless)).Message);
    }

    [Fact]
    public void A_run_within_a_budget_comes_to_the_same_weights()
    {
        float[] Tune(long? memory, out Tuner tuner)
        {
            using var model = Model.Create(_backend, Spec, Trainable.Adapter, TinyModels.Lora);
            ModelInitializer.Initialize(model, seed: 4);
            var random = new DeterministicRandom(8);
            TaskExample[] rows = [.. Enumerable.Range(0, 24).Select(_ => new TaskExample([.. Enumerable.Range(0, 40 + random.NextInt(24)).Select(_ => 3 + random.NextInt(20))], new int[64], -1, -1))];
            using (tuner = new Tuner(model, new TaskData(TaskKind.CausalLm, 0, rows, rows, [], []), new TuneOptions { Steps = 4, Batch = 8, LearningRate = 1e-3, MemoryBytes = memory }))
            {
                tuner.Run(cancel: TestContext.Current.CancellationToken);
                var values = new float[model.TrainableValues.Length];
                _backend.Download<float>(values, model.TrainableValues);
                return values;
            }
        }

        var expected = Tune(null, out var free);
        Assert.Null(free.Memory);
        var plans = Ways(new TuneOptions { Batch = 8 }, from: MemoryPlan.ProcessBytes + (64 << 20));
        var actual = Tune(plans[^1].Bytes + 4096, out var bound);
        Assert.Equal((Recompute.Full, 1, 8), (bound.Memory!.Recompute, bound.Memory.Batch, bound.Memory.Accumulate));
        Assert.True(bound.Trainer.ActivationBytes <= bound.Memory.WorkBytes);
        Assert.True(Compare.Frobenius(actual, expected) < 1e-4);
    }

    /// <summary>All plans of 64 tokens on the way down from a budget to one that nothing fits.</summary>
    private List<MemoryPlan> Ways(TuneOptions options, long from)
    {
        var plans = new List<MemoryPlan>();
        for (long budget = from; ; budget = plans[^1].Bytes - 1)
        {
            try
            {
                plans.Add(MemoryPlan.Choose(_model, 64, 100, options with { MemoryBytes = budget }));
            }
            catch (InputException)
            {
                return plans;
            }
        }
    }
}
