using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests;

/// <summary>Reading device memory, and relative errors.</summary>
public static class Compare
{
    public static float[] Read(this IComputeBackend backend, DeviceSpan<float> span)
    {
        var values = new float[span.Length];
        backend.Download<float>(values, span);
        return values;
    }

    public static Parameter Named(this Model model, string name) => model.Parameters.Single(p => p.Name == name);

    /// <summary>||x - y|| / ||y||.</summary>
    public static double Frobenius(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        Assert.Equal(y.Length, x.Length);
        double difference = 0, norm = 0;
        for (int i = 0; i < x.Length; i++)
        {
            difference += Math.Pow((double)x[i] - y[i], 2);
            norm += Math.Pow(y[i], 2);
        }

        return Math.Sqrt(difference / norm);
    }
}
