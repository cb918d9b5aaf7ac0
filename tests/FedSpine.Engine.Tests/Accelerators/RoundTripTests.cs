using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Engine.Tests.Accelerators;

/// <summary>How often the host waits for the device: once a step, however many micro-batches it has, and once a token.</summary>
[Collection(nameof(Kernels.Tests.Ilgpu.Accelerators))]
public sealed class RoundTripTests
{
    [Theory, MemberData(nameof(Kernels.Tests.Ilgpu.Accelerators.Ids), MemberType = typeof(Kernels.Tests.Ilgpu.Accelerators))]
    public void AStepWaitsOnce(string id)
    {
        var backend = (IlgpuBackend)Kernels.Tests.Ilgpu.Accelerators.Open(id);
        foreach (var spec in new[] { TinyModels.Llama(ModelHead.CausalLm), TinyModels.Roberta(ModelHead.SequenceClassification) })
        {
            using var model = TinyModels.Random(backend, spec, Trainable.Adapter, TinyModels.Lora);
            using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 1e-3f }, 2, 5);
            Batch[] batches = [TinyModels.Batch(spec, 7, 5, 2), TinyModels.Batch(spec, 8, 4, 2), TinyModels.Batch(spec, 9, 5, 1)];
            foreach (int count in new[] { 1, 3 })
            {
                backend.Synchronize();
                int before = backend.RoundTrips;
                trainer.Step(batches[..count]);
                Assert.Equal(1, backend.RoundTrips - before);
            }
        }
    }

    [Theory, MemberData(nameof(Kernels.Tests.Ilgpu.Accelerators.Ids), MemberType = typeof(Kernels.Tests.Ilgpu.Accelerators))]
    public void ATokenAndAnEvaluationWaitForOneCopyOfTheirs(string id)
    {
        var backend = (IlgpuBackend)Kernels.Tests.Ilgpu.Accelerators.Open(id);
        var spec = TinyModels.Llama(ModelHead.CausalLm);
        using var model = TinyModels.Random(backend, spec, Trainable.None);
        using var decoder = new Decoder(model, 1, 8);
        var logits = new float[model.Spec.VocabularySize];
        decoder.Prefill(0, [3, 9, 4], logits);
        int before = backend.RoundTrips;
        decoder.Step([5], logits);
        Assert.Equal(1, backend.RoundTrips - before);

        using var inference = new Inference(model, 2, 5);
        before = backend.RoundTrips;
        inference.Evaluate(TinyModels.Batch(spec, 7, 5, 2));
        Assert.Equal(2, backend.RoundTrips - before); // logits, losses
    }
}
