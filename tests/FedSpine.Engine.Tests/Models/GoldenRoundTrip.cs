using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Models;

/// <summary>Reference models through save and load: float32 comes back bit by bit, the 16-bit types give logits within their precision.</summary>
public sealed class GoldenRoundTrip : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Folders => GoldenCase.Folders;

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Float32_is_exact(string folder)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter: true, Trainable.Adapter);
        ModelFolder.Save(model, _folder["model"], mergeAdapter: false);
        PeftAdapter.Save(model, _folder["adapter"]);
        using var again = ModelFolder.Load(_backend, _folder["model"], new LoadOptions { Adapter = _folder["adapter"], Trainable = Trainable.Adapter }).Model;
        Assert.Equal(model.Parameters.Select(p => p.ToString()), again.Parameters.Select(p => p.ToString()));
        foreach (var parameter in model.Parameters)
            Assert.Equal(_backend.Read(parameter.Value), _backend.Read(again.Named(parameter.Name).Value));
        Assert.Equal(Logits(model, golden), Logits(again, golden));
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Narrow_and_merged_weights_give_the_reference_logits_within_their_precision(string folder)
    {
        using var golden = new GoldenCase(folder);
        using var adapted = golden.Load(_backend, adapter: true);
        // Unit roundoff of the type, times a handful for the layers it passes through.
        foreach (var (type, tolerance) in new[] { (SafetensorsType.F32, 2e-5), (SafetensorsType.F16, 8.0 / 2048), (SafetensorsType.BF16, 8.0 / 256) })
        {
            ModelFolder.Save(adapted, _folder[$"{type}"], type, mergeAdapter: true);
            using var merged = ModelFolder.Load(_backend, _folder[$"{type}"]).Model;
            double error = golden.LogitError("lora.logits", Logits(merged, golden));
            Assert.True(error <= tolerance, $"{type}: relative error {error:e2}, at most {tolerance:e2} allowed");
        }
    }

    private static float[] Logits(Model model, GoldenCase golden)
    {
        using var inference = new Inference(model, golden.Batch.B, golden.Batch.T);
        return inference.Logits(golden.Batch);
    }
}
