using System.Buffers;
using FedSpine.Engine.Models;
using FedSpine.Kernels;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Formats;

/// <summary>Parameters in and out of backend memory as float32, whatever they are stored as, in whole rows.</summary>
public static class ParameterTransfer
{
    /// <summary>Rows that <see cref="CopyFrom"/> moves at a time.</summary>
    private const int PieceRows = 64;

    /// <summary>All values.</summary>
    public static float[] Download(this Parameter parameter, IComputeBackend backend)
    {
        var values = new float[parameter.Length];
        parameter.Read(backend, 0, values);
        return values;
    }

    /// <summary>The rows from <paramref name="start"/> on, as many as fit.</summary>
    public static void Read(this Parameter parameter, IComputeBackend backend, int start, Span<float> values)
    {
        if (parameter.Type == WeightType.F32)
        {
            backend.Download(values, parameter.Value.Slice(start * parameter.Columns, values.Length));
            return;
        }

        var span = parameter.Weight.Rows(start, values.Length / parameter.Columns, parameter.Columns);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(span.Length);
        backend.Download(buffer.AsSpan(0, span.Length), span);
        WeightEncoding.Decode(buffer.AsSpan(0, span.Length), parameter.Type, parameter.Columns, values);
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Rows from <paramref name="start"/> on.</summary>
    /// <exception cref="FedSpineException">A value has no finite counterpart in the parameter's type.</exception>
    public static void Write(this Parameter parameter, IComputeBackend backend, int start, ReadOnlySpan<float> values)
    {
        if (parameter.Type == WeightType.F32)
        {
            backend.Upload(parameter.Value.Slice(start * parameter.Columns, values.Length), values);
            return;
        }

        int bad = FloatConversion.IndexOfBeyond(values, parameter.Type.Largest());
        if (bad >= 0)
            throw new FedSpineException($"{parameter.Name}: {values[bad]} has no {parameter.Type.Label()}");
        var span = parameter.Weight.Rows(start, values.Length / parameter.Columns, parameter.Columns);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(span.Length);
        WeightEncoding.Encode(values, parameter.Type, parameter.Columns, buffer.AsSpan(0, span.Length));
        backend.Upload<byte>(span, buffer.AsSpan(0, span.Length));
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>The values of a parameter of the same shape and type, bit by bit.</summary>
    internal static void CopyFrom(this Parameter parameter, IComputeBackend backend, Parameter from)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(checked((int)(PieceRows * parameter.Type.RowBytes(parameter.Columns))));
        for (int start = 0; start < parameter.Rows; start += PieceRows)
        {
            int rows = Math.Min(PieceRows, parameter.Rows - start);
            var piece = parameter.Weight.Rows(start, rows, parameter.Columns);
            backend.Download(buffer.AsSpan(0, piece.Length), from.Weight.Rows(start, rows, parameter.Columns));
            backend.Upload<byte>(piece, buffer.AsSpan(0, piece.Length));
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>The parameter as a tensor named <paramref name="name"/>, downloaded piece by piece.</summary>
    internal static TensorSource Source(this Parameter parameter, IComputeBackend backend, string name) =>
        new(name, parameter.IsVector ? [parameter.Rows] : [parameter.Rows, parameter.Columns],
            (start, rows, destination) => parameter.Read(backend, start, destination[..(rows * parameter.Columns)]));
}
