using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Ilgpu;

namespace FedSpine.Engine.Tests.Accelerators;

/// <summary>A device that is too small: what for, how much, how much there is, and what would need less.</summary>
[Collection(nameof(Kernels.Tests.Ilgpu.Accelerators))]
public sealed class OutOfMemoryTests : IDisposable
{
    private static readonly ModelSpec Spec = TinyModels.Llama(ModelHead.CausalLm);

    private readonly IlgpuBackend _backend = (IlgpuBackend)Kernels.Tests.Ilgpu.Accelerators.Open(Kernels.Tests.Ilgpu.Accelerators.Debugger);
    private readonly long _before;

    public OutOfMemoryTests() => _before = _backend.AllocatedBytes;

    public void Dispose()
    {
        _backend.MemoryLimit = long.MaxValue;
        Assert.Equal(_before, _backend.AllocatedBytes); // what was made before the refusal is given back
    }

    [Fact]
    public void Weights()
    {
        Leave(1000);
        string message = Refused(() => Model.Create(_backend, Spec, Trainable.None));
        Assert.StartsWith("out of memory for weights (", message);
        Assert.Contains($"1,000 of its {_before + 1000:N0} bytes are free; --base bf16 needs ", message);
        Assert.Contains("--base q8_0 needs ", message);
        Assert.DoesNotContain("--base", Refused(() => Model.Create(_backend, Spec, Trainable.All)).Replace("--all-weights", "", StringComparison.Ordinal));
    }

    [Fact]
    public void TrainableState()
    {
        Leave(FrozenBytes() + 1000);
        string message = Refused(() => Model.Create(_backend, Spec, Trainable.Adapter, TinyModels.Lora));
        Assert.StartsWith("out of memory for trainable values, their gradients and two moments (", message);
        Assert.Contains("--rank", message);
    }

    [Fact]
    public void ActivationsOfAStepAndOfAnEvaluation()
    {
        using var model = Model.Create(_backend, Spec, Trainable.Adapter, TinyModels.Lora);
        Leave(2000);
        string message = Refused(() => new Trainer(model, new TrainingOptions(), 4, 8));
        Assert.StartsWith("out of memory for activations and scratch of a training step of 4 x 8 tokens (", message);
        Assert.Contains("--batch", message);
        Assert.Contains("--memory", message);
        Assert.Contains("--recompute full", message);
        Assert.StartsWith("out of memory for activations and scratch of a forward pass over 4 x 8 tokens (", Refused(() => new Inference(model, 4, 8)));
    }

    [Fact]
    public void KeysAndValues()
    {
        using var model = Model.Create(_backend, Spec, Trainable.None);
        Leave(700); // the rotations fit
        string message = Refused(() => new Decoder(model, 1, 16));
        Assert.StartsWith("out of memory for keys and values of 1 x 16 tokens (", message);
        Assert.Contains("--context", message);
    }

    private static long FrozenBytes()
    {
        using var host = Kernels.Host.HostBackend.Create(1);
        using var model = Model.Create(host, Spec, Trainable.Adapter, TinyModels.Lora);
        return model.Bytes - 4 * model.TrainableValues.Bytes;
    }

    private void Leave(long bytes) => _backend.MemoryLimit = _backend.AllocatedBytes + bytes;

    private static string Refused(Func<IDisposable> make)
    {
        string message = Assert.Throws<FedSpineException>(() => make().Dispose()).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
