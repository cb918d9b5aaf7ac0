using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Models;

public sealed class ModelInitializerTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Values_are_distributed_as_documented()
    {
        var spec = TinyModels.Bert(ModelHead.MaskedLm).Widened();
        using var model = Model.Create(_backend, spec, Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(model, 5);
        foreach (var parameter in model.Parameters)
        {
            var values = _backend.Read(parameter.Value);
            if (parameter.Name.EndsWith(".bias") || parameter.Name.EndsWith("lora_B.weight"))
                Assert.All(values, v => Assert.Equal(0, v));
            else if (parameter.IsVector)
                Assert.All(values, v => Assert.Equal(1, v));
            else if (parameter.Name.EndsWith("lora_A.weight"))
                CheckUniform(values, 1 / Math.Sqrt(parameter.Columns));
            else if (parameter.Length > 1000)
                Assert.InRange(Math.Sqrt(values.Average(v => (double)v * v)) / Math.Sqrt(2.0 / (5 * parameter.Columns)), 0.9, 1.1);
        }

        static void CheckUniform(float[] values, double bound)
        {
            Assert.All(values, v => Assert.InRange(v, -bound, bound));
            // A uniform's standard deviation is its half width over sqrt 3.
            Assert.InRange(Math.Sqrt(values.Average(v => (double)v * v)) / (bound / Math.Sqrt(3)), 0.8, 1.2);
        }
    }

    [Fact]
    public void A_parameter_depends_on_seed_and_name_alone()
    {
        using var masked = Model.Create(_backend, TinyModels.Bert(ModelHead.MaskedLm));
        using var adapted = Model.Create(_backend, TinyModels.Bert(ModelHead.SequenceClassification), Trainable.Adapter, TinyModels.Lora);
        ModelInitializer.Initialize(masked, 5);
        ModelInitializer.Initialize(adapted, 5);
        string name = masked.Layers[1].Down.Weight.Name;
        Assert.Equal(_backend.Read(masked.Named(name).Value), _backend.Read(adapted.Named(name).Value));
        var weights = _backend.Read(adapted.Named(name).Value);
        var factor = _backend.Read(adapted.Layers[1].Down.A!.Value);
        ModelInitializer.InitializeAdapter(adapted, 6);
        Assert.Equal(weights, _backend.Read(adapted.Named(name).Value));
        Assert.NotEqual(factor, _backend.Read(adapted.Layers[1].Down.A!.Value));
        Assert.NotEqual(_backend.Read(adapted.Layers[0].Query.A!.Value)[0], _backend.Read(adapted.Layers[0].Key.A!.Value)[0]);
    }
}
