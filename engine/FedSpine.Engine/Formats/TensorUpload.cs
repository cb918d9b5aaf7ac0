using FedSpine.Engine.Models;
using FedSpine.Kernels;

namespace FedSpine.Engine.Formats;

/// <summary>One tensor of a file into one parameter.</summary>
internal static class TensorUpload
{
    /// <param name="contradicts">The file that says the parameter's shape.</param>
    /// <exception cref="InputException">Another shape, or a type that is no float.</exception>
    public static void CheckShape(Parameter parameter, SafetensorsFile file, SafetensorsTensor tensor, string contradicts)
    {
        long[] expected = parameter.IsVector ? [parameter.Rows] : [parameter.Rows, parameter.Columns];
        if (!tensor.Shape.SequenceEqual(expected))
            throw InputException.InFile(file.Path, $"tensor {tensor.Name} is [{string.Join(", ", tensor.Shape)}], expected [{string.Join(", ", expected)}]: it contradicts {contradicts}");
        if (tensor.Type is not (SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16))
            throw InputException.InFile(file.Path, $"tensor {tensor.Name}: dtype is {tensor.Type}, expected F32, F16 or BF16");
    }

    /// <param name="buffer">Scratch; the tensor goes through it piece by piece.</param>
    /// <exception cref="InputException">A value is NaN or infinite.</exception>
    public static void Run(IComputeBackend backend, Parameter parameter, SafetensorsFile file, SafetensorsTensor tensor, float[] buffer)
    {
        for (int start = 0, length; start < parameter.Length; start += length)
        {
            length = Math.Min(buffer.Length, parameter.Length - start);
            var piece = buffer.AsSpan(0, length);
            file.Read(tensor, start, piece);
            int bad = FloatConversion.IndexOfBeyond(piece, float.MaxValue);
            if (bad >= 0)
                throw InputException.InFile(file.Path, $"tensor {tensor.Name} contains {piece[bad]} at {Index(parameter, start + bad)}");
            backend.Upload<float>(parameter.Value.Slice(start, length), piece);
        }
    }

    private static string Index(Parameter parameter, int i) => parameter.IsVector ? $"[{i}]" : $"[{i / parameter.Columns}, {i % parameter.Columns}]";
}
