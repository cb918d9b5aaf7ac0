using System.Text.Json;

namespace FedSpine.Engine.Formats;

/// <summary>
/// The header of a safetensors file: a JSON object {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...} with optional
/// "__metadata__" of strings. Everything it claims is checked against the size of the data section before it is believed.
/// </summary>
internal sealed class SafetensorsHeader
{
    private const int MaxRank = 32;

    private readonly string _path;
    private readonly Dictionary<string, SafetensorsTensor> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafetensorsHeader(string path) => _path = path;

    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors => _tensors;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <param name="json">The header's bytes.</param>
    /// <param name="dataBytes">Size of what follows the header.</param>
    /// <exception cref="InputException">The header is not valid or contradicts itself or the size.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataBytes)
    {
        var header = new SafetensorsHeader(path);
        try
        {
            var reader = new Utf8JsonReader(json);
            header.ReadObject(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not UTF-8, or a token of another kind than the format asks for.
            throw InputException.InFile(path, $"header is not valid JSON: {OneLine(e.Message)}", e);
        }

        header.CheckLayout(dataBytes);
        return header;
    }

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");

    private void ReadObject(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "the header");
        bool hasMetadata = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            if (name == "__metadata__")
            {
                if (hasMetadata)
                    throw InputException.InFile(_path, "\"__metadata__\" appears twice in the header");
                hasMetadata = true;
                ReadMetadata(ref reader);
            }
            else if (!_tensors.TryAdd(name, ReadTensor(ref reader, name)))
            {
                throw InputException.InFile(_path, $"tensor {name} appears twice in the header");
            }
        }

        if (reader.Read())
            throw InputException.InFile(_path, "the header goes on after its closing brace");
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "__metadata__");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String, $"__metadata__.{key}");
            if (!_metadata.TryAdd(key, reader.GetString()!))
                throw InputException.InFile(_path, $"__metadata__.{key} appears twice in the header");
        }
    }

    private SafetensorsTensor ReadTensor(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartObject, $"tensor {name}");
        SafetensorsType? type = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string field = reader.GetString()!;
            switch (field)
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String, $"tensor {name}: dtype");
                    type = ParseType(name, reader.GetString()!);
                    break;
                case "shape" when shape is null:
                    shape = ReadIntegers(ref reader, name, field);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref reader, name, field);
                    break;
                default:
                    throw InputException.InFile(_path, $"tensor {name}: field \"{field}\" is unknown or appears twice");
            }
        }

        if (type is null || shape is null || offsets is null)
            throw InputException.InFile(_path, $"tensor {name}: {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")} is missing");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
            throw InputException.InFile(_path, $"tensor {name}: data_offsets are [{string.Join(", ", offsets)}], expected [begin, end] with begin <= end");
        CheckSize(name, type.Value, shape, offsets[1] - offsets[0]);
        return new SafetensorsTensor(name, type.Value, shape, offsets[0], offsets[1]);
    }

    private SafetensorsType ParseType(string name, string text)
    {
        // Enum.TryParse also takes digits, which are no dtype.
        if (Enum.TryParse(text, out SafetensorsType type) && Enum.IsDefined(type) && !char.IsAsciiDigit(text[0]) && text[0] is not '-' and not '+')
            return type;
        throw InputException.InFile(_path, $"tensor {name}: dtype \"{text}\" is unknown");
    }

    private long[] ReadIntegers(ref Utf8JsonReader reader, string name, string field)
    {
        Expect(ref reader, JsonTokenType.StartArray, $"tensor {name}: {field}");
        var values = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
                throw InputException.InFile(_path, $"tensor {name}: {field}[{values.Count}] is not an integer in [0, 2^63)");
            if (values.Count == MaxRank)
                throw InputException.InFile(_path, $"tensor {name}: {field} has more than {MaxRank} entries");
            values.Add(value);
        }

        return [.. values];
    }

    private void CheckSize(string name, SafetensorsType type, long[] shape, long bytes)
    {
        UInt128 bits = (UInt128)type.Bits();
        foreach (long dimension in shape)
        {
            bits *= (UInt128)dimension;
            if (bits > long.MaxValue)
                throw InputException.InFile(_path, $"tensor {name}: shape [{string.Join(", ", shape)}] overflows");
        }

        if (bits % 8 != 0)
            throw InputException.InFile(_path, $"tensor {name}: shape [{string.Join(", ", shape)}] of {type} does not end on a whole byte");
        if (bits / 8 != (UInt128)bytes)
            throw InputException.InFile(_path, $"tensor {name}: data_offsets span {bytes} bytes, {type} [{string.Join(", ", shape)}] needs {bits / 8}");
    }

    /// <summary>The tensors must tile the data section: the format allows no holes, no overlaps and nothing after the last one.</summary>
    private void CheckLayout(long dataBytes)
    {
        long end = 0;
        foreach (var tensor in _tensors.Values.OrderBy(t => t.Begin).ThenBy(t => t.End))
        {
            if (tensor.End > dataBytes)
                throw InputException.InFile(_path, $"tensor {tensor.Name}: data_offsets [{tensor.Begin}, {tensor.End}] lie outside the {dataBytes} bytes of data (is the file truncated?)");
            if (tensor.Begin != end)
                throw InputException.InFile(_path, $"tensor {tensor.Name}: data begins at {tensor.Begin}, expected {end} ({(tensor.Begin < end ? "it overlaps the tensor before it" : "there is a hole before it")})");
            end = tensor.End;
        }

        if (end != dataBytes)
            throw InputException.InFile(_path, $"the tensors end at {end}, the file holds {dataBytes} bytes of data");
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type)
            throw InputException.InFile(_path, $"header: {what} is {Describe(reader.TokenType)}, expected {Describe(type)}");
    }

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.Null => "null",
        _ => "nothing",
    };
}
