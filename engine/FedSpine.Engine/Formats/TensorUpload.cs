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

    /// <param name="buffer">Scratch; the tensor goes through it in pieces of whole rows.</param>
    /// <exception cref="InputException">A value is NaN or infinite, or too large for the parameter's type.</exception>
    public static void Run(IComputeBackend backend, Parameter parameter, SafetensorsFile file, SafetensorsTensor tensor, float[] buffer)
    {
        int columns = parameter.Columns;
        for (int row = 0, rows; row < parameter.Rows; row += rows)
        {
            rows = Math.Min(buffer.Length / columns, parameter.Rows - row);
            var piece = buffer.AsSpan(0, rows * columns);
            file.Read(tensor, (long)row * columns, piece);
            int bad = FloatConversion.IndexOfBeyond(piece, parameter.Type.Largest());
            if (bad >= 0)
                throw InputException.InFile(file.Path, $"tensor {tensor.Name} contains {piece[bad]} at {Index(parameter, row * columns + bad)}{(float.IsFinite(piece[bad]) ? $", which {parameter.Type.Label()} cannot hold" : "")}");
            parameter.Write(backend, row, piece);
        }
    }

    /// <summary>Scratch for <see cref="Run"/>: a quarter of a MiB, or the longest row.</summary>
    public static float[] Buffer(Model model) => new float[Math.Max(64 * 1024, model.Parameters.Max(p => p.Columns))];

    private static string Index(Parameter parameter, int i) => parameter.IsVector ? $"[{i}]" : $"[{i / parameter.Columns}, {i % parameter.Columns}]";
}
