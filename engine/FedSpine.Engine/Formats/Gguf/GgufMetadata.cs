namespace FedSpine.Engine.Formats.Gguf;

/// <summary>The key-value pairs of a GGUF file, in its order. What is asked for and is not there, or is of another kind, is an error that names file and key.</summary>
/// <param name="path">The file, for messages.</param>
public sealed class GgufMetadata(string path)
{
    private readonly OrderedDictionary<string, GgufValue> _values = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, GgufValue> Values => _values;

    /// <exception cref="InputException">The key is there already.</exception>
    public void Add(string key, GgufValue value)
    {
        if (!_values.TryAdd(key, value))
            throw Error(key, "appears twice");
    }

    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>"PATH: KEY what".</summary>
    public InputException Error(string key, string what) => InputException.InFile(path, $"{key} {what}");

    public int Int(string key, int min, int max) => Int(key, Scalar(key), 0, min, max);

    /// <summary>null when absent.</summary>
    public int? OptionalInt(string key, int min, int max) => Has(key) ? Int(key, min, max) : null;

    public float Float(string key, float min, float max)
    {
        var value = Scalar(key);
        if (value.Type is not (GgufValueType.Float32 or GgufValueType.Float64) || !(value.Number(0) >= min && value.Number(0) <= max))
            throw Error(key, $"is {value}, expected a number in [{min}, {max}]");
        return (float)value.Number(0);
    }

    public float Float(string key, float min, float max, float fallback) => Has(key) ? Float(key, min, max) : fallback;

    public bool Bool(string key, bool fallback)
    {
        if (!Has(key))
            return fallback;
        var value = Scalar(key);
        return value.Type == GgufValueType.Bool ? value.Boolean(0) : throw Error(key, $"is {value}, expected true or false");
    }

    /// <summary>null when absent.</summary>
    public string? String(string key)
    {
        if (!Has(key))
            return null;
        var value = Scalar(key);
        return value.Type == GgufValueType.String ? value.Text(0) : throw Error(key, $"is {value}, expected a string");
    }

    public IReadOnlyList<string> Strings(string key)
    {
        var value = Array(key);
        return value.Type == GgufValueType.String ? value.Strings : throw Error(key, $"is {value}, expected an array of strings");
    }

    /// <summary>Finite numbers, <paramref name="count"/> of them.</summary>
    public float[] Floats(string key, int count)
    {
        var value = Array(key);
        if (value.Type is not (GgufValueType.Float32 or GgufValueType.Float64) || value.Count != count)
            throw Error(key, $"is {value}, expected an array of {count} Float32");
        var numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = (float)value.Number(i);
            if (!float.IsFinite(numbers[i]))
                throw Error($"{key}[{i}]", $"is {numbers[i]}, expected a finite number");
        }

        return numbers;
    }

    /// <summary><paramref name="count"/> integers; where <paramref name="broadcast"/>, one value that is no array stands for all of them.</summary>
    public int[] Ints(string key, int count, int min, int max, bool broadcast)
    {
        if (broadcast && Required(key) is { IsArray: false })
        {
            var all = new int[count];
            System.Array.Fill(all, Int(key, min, max));
            return all;
        }

        var value = Array(key);
        if (!value.IsInteger || value.Count != count)
            throw Error(key, $"is {value}, expected {(broadcast ? "an integer or " : "")}an array of {count} integers");
        return [.. Enumerable.Range(0, count).Select(i => Int($"{key}[{i}]", value, i, min, max))];
    }

    private int Int(string key, GgufValue value, int index, int min, int max)
    {
        if (!value.IsInteger || value.Integer(index) is not { } number || number < min || number > max)
            throw Error(key, $"is {(value.IsArray ? value.Integer(index)?.ToString() ?? "too large" : value.ToString())}, expected an integer in [{min}, {max}]");
        return (int)number;
    }

    private GgufValue Required(string key) => _values.TryGetValue(key, out var value) ? value : throw Error(key, "is missing");

    private GgufValue Scalar(string key) => Required(key) is { IsArray: false } value ? value : throw Error(key, $"is {Required(key)}, expected one value");

    private GgufValue Array(string key) => Required(key) is { IsArray: true } value ? value : throw Error(key, $"is {Required(key)}, expected an array");
}
