
namespace FedSpine.Kernels.Host;

internal sealed unsafe partial class HostBackend<TSimd, TVector>
{
    /// <summary>y = x.</summary>
    private static void CopyRow(float* y, float* x, int n) => new ReadOnlySpan<float>(x, n).CopyTo(new Span<float>(y, n));

    /// <summary>y += x.</summary>
    private static void AddRow(float* y, float* x, int n)
    {
        int i = 0;
        for (; i <= n - TSimd.Width; i += TSimd.Width)
            TSimd.Store(y + i, TSimd.Add(TSimd.Load(y + i), TSimd.Load(x + i)));
        for (; i < n; i++)
            y[i] += x[i];
    }

    /// <summary>z += x * y.</summary>
    private static void AddProductRow(float* z, float* x, float* y, int n)
    {
        int i = 0;
        for (; i <= n - TSimd.Width; i += TSimd.Width)
            TSimd.Store(z + i, TSimd.MultiplyAdd(TSimd.Load(x + i), TSimd.Load(y + i), TSimd.Load(z + i)));
        for (; i < n; i++)
            z[i] += x[i] * y[i];
    }

    /// <summary>y *= scale.</summary>
    private static void ScaleRow(float* y, float scale, int n)
    {
        var s = TSimd.Broadcast(scale);
        int i = 0;
        for (; i <= n - TSimd.Width; i += TSimd.Width)
            TSimd.Store(y + i, TSimd.Multiply(TSimd.Load(y + i), s));
        for (; i < n; i++)
            y[i] *= scale;
    }
}
