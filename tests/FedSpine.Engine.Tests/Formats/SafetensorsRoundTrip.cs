using CsCheck;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Tests.Formats;

public sealed class SafetensorsRoundTrip : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("roberta")]
    [InlineData("llama")]
    public void Rewriting_what_the_reference_wrote_gives_the_same_bytes(string name)
    {
        string path = Path.Combine(Golden.Case(name), Checkpoint.FileName);
        using var file = SafetensorsFile.Open(path);
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, file.Tensors.Values.Select(t => TensorSource.Of(t.Name, [.. t.Shape.Select(d => (int)d)], file.ReadFloats(t.Name))), metadata: file.Metadata);
        Assert.Equal(File.ReadAllBytes(path), stream.ToArray());
    }

    [Fact]
    public void Any_shapes_come_back()
    {
        var shape = Gen.OneOf(Gen.Int[0, 7].Array[0, 4], Gen.Select(Gen.Int[1, 3], Gen.Const(70_000), (a, b) => new[] { a, b }), Gen.Const(new[] { 70_000, 1 }));
        Gen.Select(shape, Gen.OneOf(Gen.Const(SafetensorsType.F32), Gen.Const(SafetensorsType.F16), Gen.Const(SafetensorsType.BF16))).Array[0, 5].Sample(tensors =>
        {
            var type = tensors.Length == 0 ? SafetensorsType.F32 : tensors[0].Item2;
            var random = new DeterministicRandom(7);
            // Small integers are exact in every type.
            var values = tensors.Select(t => Enumerable.Range(0, t.Item1.Aggregate(1, (p, d) => p * d)).Select(_ => (float)random.NextInt(256)).ToArray()).ToArray();
            using (var stream = File.Create(_folder["x"]))
                SafetensorsWriter.Write(stream, tensors.Select((t, i) => TensorSource.Of($"t{i}", t.Item1, values[i])), type);
            using var file = SafetensorsFile.Open(_folder["x"]);
            Assert.Equal(tensors.Length, file.Tensors.Count);
            Assert.Equal("pt", file.Metadata["format"]);
            for (int i = 0; i < tensors.Length; i++)
            {
                Assert.Equal(tensors[i].Item1.Select(d => (long)d), file[$"t{i}"].Shape);
                Assert.Equal(values[i], file.ReadFloats($"t{i}"));
            }
        }, iter: 100, threads: 1);
    }

    [Fact]
    public void Every_half_and_bfloat16_survives_float32()
    {
        var bits = Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray();
        var halves = bits.Select(BitConverter.UInt16BitsToHalf).ToArray();
        var floats = new float[bits.Length];
        var halvesBack = new Half[bits.Length];
        FloatConversion.FromHalf(halves, floats);
        FloatConversion.ToHalf(floats, halvesBack);
        Assert.All(halves.Zip(halvesBack), pair => Assert.True(pair.First == pair.Second || (Half.IsNaN(pair.First) && Half.IsNaN(pair.Second))));

        var bitsBack = new ushort[bits.Length];
        FloatConversion.FromBFloat16(bits, floats);
        FloatConversion.ToBFloat16(floats, bitsBack);
        Assert.All(Enumerable.Range(0, bits.Length), i => Assert.True(bits[i] == bitsBack[i] || (float.IsNaN(floats[i]) && (bitsBack[i] & 0x7FFF) > 0x7F80)));
    }

    [Fact]
    public void BFloat16_rounds_to_the_nearest_and_to_even()
    {
        // 2^-8 is half a unit in the last place of 1.
        float[] source = [1 + 1f / 256, 1 + 3f / 256, 1 + 1f / 256 + 1e-6f, 1 + 1f / 256 - 1e-6f, float.MaxValue];
        var result = new ushort[source.Length];
        var back = new float[source.Length];
        FloatConversion.ToBFloat16(source, result);
        FloatConversion.FromBFloat16(result, back);
        Assert.Equal([1, 1 + 4f / 256, 1 + 2f / 256, 1, float.PositiveInfinity], back);
    }

    [Theory]
    [InlineData(float.NaN, SafetensorsType.F32)]
    [InlineData(float.NegativeInfinity, SafetensorsType.F32)]
    [InlineData(65520f, SafetensorsType.F16)]
    [InlineData(-3.4e38f, SafetensorsType.BF16)]
    public void What_the_type_cannot_hold_is_not_written(float value, SafetensorsType type)
    {
        var source = TensorSource.Of("w", [2, 3], [0, 0, 0, 0, value, 0]);
        var error = Assert.Throws<FedSpineException>(() => SafetensorsWriter.Write(Stream.Null, [source], type));
        Assert.StartsWith($"tensor w holds {value} at [1, 1]", error.Message);
    }

    [Fact]
    public void The_largest_values_are_written()
    {
        foreach (var (type, largest) in ((SafetensorsType, float)[])[(SafetensorsType.F16, FloatConversion.LargestForHalf), (SafetensorsType.BF16, FloatConversion.LargestForBFloat16), (SafetensorsType.F32, float.MaxValue)])
        {
            using (var stream = File.Create(_folder["x"]))
                SafetensorsWriter.Write(stream, [TensorSource.Of("w", [2], [largest, -largest])], type);
            using var file = SafetensorsFile.Open(_folder["x"]);
            Assert.All(file.ReadFloats("w"), v => Assert.True(float.IsFinite(v)));
        }
    }
}
