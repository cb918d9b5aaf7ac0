using System.Buffers.Binary;
using System.Text;
using FedSpine.Engine.Formats;

namespace FedSpine.Engine.Tests.Formats;

public sealed class SafetensorsMalformed : IDisposable
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_unspoilt_file_opens()
    {
        using var file = SafetensorsFile.Open(Write(Good, 12));
        Assert.Equal([0f, 0f], file.ReadFloats("a"));
    }

    public static TheoryData<string, int, string> Headers => new()
    {
        { "", 0, "not valid JSON" },
        { "{", 0, "not valid JSON" },
        { "[]", 0, "the header is an array, expected an object" },
        { "{}{}", 0, "not valid JSON" },
        { "{} x", 0, "not valid JSON" },
        { "{}", 1, "the tensors end at 0, the file holds 1 bytes" },
        { """{"a":3}""", 0, "tensor a is a number, expected an object" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor a: dtype is missing" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "tensor a: shape is missing" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", 8, "tensor a: data_offsets is missing" },
        { """{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype \"F31\" is unknown" },
        { """{"a":{"dtype":"15","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype \"15\" is unknown" },
        { """{"a":{"dtype":"","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype \"\" is unknown" },
        { """{"a":{"dtype":3,"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor a: dtype is a number, expected a string" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "shape[0] is not an integer" },
        { """{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "shape[0] is not an integer" },
        { """{"a":{"dtype":"F32","shape":[1,"2"],"data_offsets":[0,8]}}""", 8, "shape[1] is not an integer" },
        { """{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "shape[0] is not an integer" },
        { """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, "overflows" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "shape is a number, expected an array" },
        { """{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "more than 32" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "span 8 bytes, F32 [3] needs 12" },
        { """{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "does not end on a whole byte" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "expected [begin, end]" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "expected [begin, end]" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "data_offsets[0] is not an integer" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "lie outside the 7 bytes" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775799,9223372036854775807]}}""", 8, "lie outside the 8 bytes" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "there is a hole before it" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "tensor b: data begins at 4, expected 8 (it overlaps" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "tensor b: data begins at 12, expected 8 (there is a hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "tensor a appears twice" },
        { """{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}""", 8, "\"dtype\" is unknown or appears twice" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "\"x\" is unknown or appears twice" },
        { """{"__metadata__":{"a":1}}""", 0, "__metadata__.a is a number, expected a string" },
        { """{"__metadata__":{"a":"1","a":"2"}}""", 0, "__metadata__.a appears twice" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "\"__metadata__\" appears twice" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "not valid JSON" },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void Header_is_refused(string header, int dataBytes, string expected) => Refuses(Write(header, dataBytes), expected);

    [Fact]
    public void Not_utf8_is_refused() => Refuses(Write(Encoding.Latin1.GetBytes("""{"é":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"""), 8), "not valid JSON");

    [Theory]
    [InlineData(0, "the file has 0 bytes")]
    [InlineData(7, "the file has 7 bytes")]
    public void Too_short_a_file_is_refused(int bytes, string expected)
    {
        File.WriteAllBytes(_folder["x"], new byte[bytes]);
        Refuses(_folder["x"], expected);
    }

    [Theory]
    [InlineData(100ul, "header length is 100, the file has 8 bytes after it")]
    [InlineData(100_000_001ul, "the limit is 100000000")]
    [InlineData(ulong.MaxValue, "header length is 18446744073709551615, the limit is")]
    public void Lying_header_length_is_refused(ulong length, string expected)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        File.WriteAllBytes(_folder["x"], bytes);
        Refuses(_folder["x"], expected);
    }

    [Fact]
    public void Missing_file_and_folder_are_refused()
    {
        Refuses(_folder["none"], "no such file");
        Refuses(_folder.Path, "cannot be read");
    }

    [Fact]
    public void Every_truncation_of_a_real_file_is_refused()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(Golden.Case("llama"), PeftAdapter.FileName));
        for (int length = 0; length < whole.Length; length += length < 64 ? 1 : 97)
        {
            File.WriteAllBytes(_folder["x"], whole[..length]);
            Assert.Throws<InputException>(() => SafetensorsFile.Open(_folder["x"]));
        }
    }

    [Fact]
    public void Other_types_are_known_by_size_and_refused_on_conversion()
    {
        using var file = SafetensorsFile.Open(Write("""{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F4","shape":[2],"data_offsets":[8,9]}}""", 9));
        var error = Assert.Throws<InputException>(() => file.ReadFloats("a"));
        Assert.EndsWith("tensor a: dtype is F64, expected F32, F16 or BF16", error.Message);
        Assert.Throws<InputException>(() => file.ReadIntegers("b"));
        Assert.Throws<InputException>(() => file["c"]);
        Assert.Equal(1, file.Bytes(file["b"]).Length);
    }

    [Fact]
    public void Reading_outside_a_tensor_or_after_disposal_throws()
    {
        var file = SafetensorsFile.Open(Write(Good, 12));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file["b"], 0, new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file["a"], 2, new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(file["a"], -1, new float[1]));
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read(file["a"], 0, new float[1]));
    }

    private void Refuses(string path, string expected)
    {
        var error = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path, error.Message);
        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    private string Write(string header, int dataBytes) => Write(Encoding.UTF8.GetBytes(header), dataBytes);

    private string Write(byte[] header, int dataBytes)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        File.WriteAllBytes(_folder["x"], bytes);
        return _folder["x"];
    }
}
