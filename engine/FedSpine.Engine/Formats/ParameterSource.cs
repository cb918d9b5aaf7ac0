using FedSpine.Engine.Models;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats;

/// <summary>Parameters out of backend memory.</summary>
internal static class ParameterSource
{
    public static float[] Download(this Parameter parameter, IComputeBackend backend)
    {
        var values = new float[parameter.Length];
        backend.Download<float>(values, parameter.Value);
        return values;
    }

    /// <summary>The parameter as a tensor named <paramref name="name"/>, downloaded piece by piece.</summary>
    public static TensorSource Source(this Parameter parameter, IComputeBackend backend, string name) =>
        new(name, parameter.IsVector ? [parameter.Rows] : [parameter.Rows, parameter.Columns],
            (start, rows, destination) => backend.Download(destination, parameter.Value.Slice(start * parameter.Columns, rows * parameter.Columns)));
}
