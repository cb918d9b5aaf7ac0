using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Models;

/// <summary>Scaled rotary frequencies against the published formulas, written out in float64.</summary>
public sealed class RopeScalingTests
{
    public static TheoryData<float, int, RopeScaling?> Cases => new()
    {
        { 10000, 64, null },
        { 10000, 64, new RopeScaling(RopeScalingKind.Linear, 2.5f) },
        { 500000, 128, new RopeScaling(RopeScalingKind.Llama3, 8, 1, 4, 8192) },   // LLaMA 3.1
        { 500000, 64, new RopeScaling(RopeScalingKind.Llama3, 32, 1, 4, 8192) },   // LLaMA 3.2
        { 100, 10, new RopeScaling(RopeScalingKind.Llama3, 3, 0.5f, 2.25f, 20) },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tables_hold_cosine_and_sine_of_the_scaled_angles(float theta, int D, RopeScaling? scaling)
    {
        const int T = 300;
        using var backend = HostBackend.Create(1);
        using var model = Model.Create(backend, TinyModels.Llama(ModelHead.CausalLm) with { RopeTheta = theta, RopeScaling = scaling, Layers = [new LayerSpec(2, 1, D, 3)] });
        using var tables = new RopeTables(model, T);
        float[] table = backend.Read(tables[0]);
        var branches = new HashSet<string>();
        for (int i = 0; i < D / 2; i++)
        {
            double w = Reference(1 / Math.Pow(theta, 2.0 * i / D), scaling, branches);
            for (int t = 0; t < T; t++)
            {
                Assert.Equal(Math.Cos(t * w), table[t * D + i], 1e-6);
                Assert.Equal(Math.Sin(t * w), table[t * D + D / 2 + i], 1e-6);
            }
        }

        Assert.Equal(scaling?.Kind == RopeScalingKind.Llama3 ? 3 : 1, branches.Count);
    }

    private static double Reference(double w, RopeScaling? scaling, HashSet<string> branches)
    {
        if (scaling is null || scaling.Kind == RopeScalingKind.Linear)
        {
            branches.Add("all");
            return w / (scaling?.Factor ?? 1);
        }

        double low = scaling.LowFrequencyFactor, high = scaling.HighFrequencyFactor, original = scaling.OriginalLength;
        double wavelength = 2 * Math.PI / w;
        if (wavelength < original / high)
        {
            branches.Add("short");
            return w;
        }

        if (wavelength > original / low)
        {
            branches.Add("long");
            return w / scaling.Factor;
        }

        branches.Add("between");
        double smooth = (original / wavelength - low) / (high - low);
        return (1 - smooth) * w / scaling.Factor + smooth * w;
    }
}
