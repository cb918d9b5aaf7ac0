using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

public sealed class ModelFolderLoad : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [InlineData("roberta")]
    [InlineData("llama")]
    public void Every_parameter_equals_its_tensor(string name)
    {
        var loaded = ModelFolder.Load(_backend, Golden.Case(name), new LoadOptions { Adapter = Golden.Case(name), Trainable = Trainable.Adapter });
        using var model = loaded.Model;
        Assert.Empty(loaded.Initialised);
        Assert.Empty(loaded.Ignored);
        Assert.Equal(4, model.Lora!.Rank);
        Assert.Equal(2f, model.Layers[0].Query.Scale);
        using var weights = SafetensorsFile.Open(Path.Combine(Golden.Case(name), Checkpoint.FileName));
        using var factors = SafetensorsFile.Open(Path.Combine(Golden.Case(name), PeftAdapter.FileName));
        Assert.Equal(weights.Tensors.Count + factors.Tensors.Count, model.Parameters.Count);
        foreach (var parameter in model.Parameters)
        {
            var expected = parameter.Name.Contains(".lora_") ? factors.ReadFloats("base_model.model." + parameter.Name) : weights.ReadFloats(parameter.Name);
            var actual = new float[parameter.Length];
            _backend.Download<float>(actual, parameter.Value);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void A_trained_llama_loads()
    {
        using var model = ModelFolder.Load(_backend, Golden.Shared("models", "stories260K")).Model;
        Assert.Equal(5, model.Layers.Count);
        Assert.Equal(new LayerSpec(8, 4, 8, 172), model.Spec.Layers[4]);
        Assert.True(model.Spec.TieWordEmbeddings);
    }
}
