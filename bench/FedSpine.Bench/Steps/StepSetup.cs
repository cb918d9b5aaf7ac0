using FedSpine.Bench.Workloads;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Bench.Steps;

/// <summary>A model with an adapter, its trainer and one batch of the asked shape.</summary>
internal sealed class StepSetup : IDisposable
{
    public StepSetup(IComputeBackend backend, StepOptions options, double ratio)
    {
        var spec = BenchModels.Spec(options.Model);
        Model = BenchModels.Create(backend, spec, Trainable.Adapter, BenchModels.Lora(options.Rank), ratio, options.Base);
        Trainer = new Trainer(Model, new TrainingOptions { LearningRate = 1e-4f, Recompute = options.Recompute }, options.Batch, options.Length);
        Batch = BenchModels.Batch(spec, options.Batch, options.Length);
        TrainFlops = NecessaryFlops.Training(Model, options.Batch, options.Length);
        ForwardFlops = NecessaryFlops.Forward(Model, options.Batch, options.Length);
    }

    public Model Model { get; }

    public Trainer Trainer { get; }

    public Batch Batch { get; }

    public long TrainFlops { get; }

    public long ForwardFlops { get; }

    public void Train(IStepObserver? observer = null)
    {
        if (!Trainer.Step(Batch, observer).Applied)
            throw new InvalidOperationException("the step was void: its loss or gradient is not finite");
    }

    public void Forward() => Trainer.Evaluate(Batch);

    public void Dispose()
    {
        Trainer.Dispose();
        Model.Dispose();
    }
}
