using System.Runtime.InteropServices;
using FedSpine.Kernels.Memory;
using FedSpine.Kernels.Tests.Reference;

namespace FedSpine.Kernels.Tests;

/// <summary>
/// The buffers of one operator call. Each lies between guard words, at an address that is no multiple of a vector.
/// <see cref="Verify"/> compares the outputs with what was expected, and sees that inputs and guards are untouched.
/// </summary>
/// <param name="leastTolerance">Of outputs, relative to the largest or to 1: where the backend computes with less than float32.</param>
public sealed class Sandbox(IComputeBackend backend, double leastTolerance = 0) : IDisposable
{
    private const int Guard = 37;
    private const float GuardValue = -7.25e8f;

    private readonly List<Buffer> _buffers = [];
    private readonly List<Arena> _arenas = [];

    private sealed record Buffer(string Name, DeviceSpan<float> Guarded, float[] Initial, double[]? Expected, double Tolerance, double Floor)
    {
        public DeviceSpan<float> Span => Guarded.Slice(Guard, Initial.Length);
    }

    public IComputeBackend Backend => backend;

    /// <summary>A buffer that the operator must not change.</summary>
    public DeviceSpan<float> Input(string name, float[] values) => Add(name, values, null, 0, 0);

    /// <summary>A weight that the operator must not change, stored as <paramref name="type"/> says.</summary>
    public WeightSpan Weight(string name, float[] values, WeightType type, int columns)
    {
        var bytes = WeightReference.Encode(values, type, columns);
        Array.Resize(ref bytes, (bytes.Length + sizeof(float) - 1) / sizeof(float) * sizeof(float));
        var span = Input(name, MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        return new WeightSpan(type, span.Arena, span.ByteOffset, values.Length);
    }

    /// <summary>
    /// A buffer that must end up as expected, to a tolerance relative to its largest value, or to <paramref name="floor"/> where
    /// that is smaller (sums of terms around 1 may cancel). It holds NaN before unless it has <paramref name="initial"/> values.
    /// </summary>
    public DeviceSpan<float> Output(string name, double[] expected, float[]? initial = null, double tolerance = 1e-5, double floor = 0.1)
    {
        if (initial is null)
        {
            initial = new float[expected.Length];
            Array.Fill(initial, float.NaN);
        }

        return Add(name, initial, expected, Math.Max(tolerance, leastTolerance), leastTolerance > 0 ? Math.Max(floor, 1) : floor);
    }

    /// <summary>A buffer that the operator may use as it likes.</summary>
    public DeviceSpan<float> Scratch(string name, int length) => Add(name, new float[length], new double[length], double.PositiveInfinity, 0);

    public DeviceSpan<int> Integers(int[] values)
    {
        var arena = backend.Allocate(Math.Max(values.Length, 1) * sizeof(int));
        _arenas.Add(arena);
        var span = new DeviceSpan<int>(arena, 0, values.Length);
        backend.Upload<int>(span, values);
        return span;
    }

    public float[] Download(DeviceSpan<float> span)
    {
        var values = new float[span.Length];
        backend.Download<float>(values, span);
        return values;
    }

    /// <param name="what">The case, for the message.</param>
    /// <exception cref="MismatchException">The first thing that is wrong.</exception>
    public void Verify(object what)
    {
        foreach (var buffer in _buffers)
        {
            var values = Download(buffer.Guarded);
            for (int i = 0; i < Guard; i++)
            {
                if (values[i] != GuardValue || values[^(i + 1)] != GuardValue)
                    throw new MismatchException($"{backend.Name}: {what}: wrote outside {buffer.Name}");
            }

            double largest = buffer.Floor;
            if (buffer.Expected is not null)
            {
                foreach (double x in buffer.Expected)
                    largest = Math.Max(largest, Math.Abs(x));
            }

            for (int i = 0; i < buffer.Initial.Length; i++)
            {
                float actual = values[Guard + i];
                if (buffer.Expected is null)
                {
                    if (BitConverter.SingleToInt32Bits(actual) != BitConverter.SingleToInt32Bits(buffer.Initial[i]))
                        throw new MismatchException($"{backend.Name}: {what}: changed its input {buffer.Name}[{i}]");
                }
                else if (!(Math.Abs(actual - buffer.Expected[i]) <= buffer.Tolerance * largest) && !double.IsPositiveInfinity(buffer.Tolerance))
                {
                    throw new MismatchException($"{backend.Name}: {what}: {buffer.Name}[{i}] is {actual}, expected {buffer.Expected[i]} within {buffer.Tolerance * largest:g2}");
                }
            }
        }
    }

    /// <summary>The bits of all outputs, to compare runs.</summary>
    public int[] OutputBits() =>
        [.. _buffers.Where(b => b.Expected is not null).SelectMany(b => Download(b.Span)).Select(BitConverter.SingleToInt32Bits)];

    public void Dispose()
    {
        foreach (var arena in _arenas)
            arena.Dispose();
    }

    private DeviceSpan<float> Add(string name, float[] initial, double[]? expected, double tolerance, double floor)
    {
        int length = initial.Length + 2 * Guard;
        var arena = backend.Allocate((long)length * sizeof(float));
        _arenas.Add(arena);
        var buffer = new Buffer(name, new DeviceSpan<float>(arena, 0, length), initial, expected, tolerance, floor);
        var values = new float[length];
        Array.Fill(values, GuardValue);
        initial.CopyTo(values, Guard);
        backend.Upload<float>(buffer.Guarded, values);
        _buffers.Add(buffer);
        return buffer.Span;
    }
}
