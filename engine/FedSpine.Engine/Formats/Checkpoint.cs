namespace FedSpine.Engine.Formats;

/// <summary>The weights of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json lists.</summary>
public sealed class Checkpoint : IDisposable
{
    public const string FileName = "model.safetensors", IndexName = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _holders = new(StringComparer.Ordinal);

    private Checkpoint(string path) => Path = path;

    /// <summary>The single file or the index, for messages.</summary>
    public string Path { get; }

    /// <summary>All tensor names, ordinally sorted.</summary>
    public IReadOnlyList<string> Names { get; private set; } = [];

    /// <exception cref="InputException">No weights, or a file of them is malformed.</exception>
    public static Checkpoint Open(string folder)
    {
        string single = System.IO.Path.Combine(folder, FileName), index = System.IO.Path.Combine(folder, IndexName);
        var checkpoint = new Checkpoint(File.Exists(single) || !File.Exists(index) ? single : index);
        try
        {
            if (checkpoint.Path == index)
                checkpoint.AddShards(folder);
            else if (File.Exists(single))
                checkpoint.Add(SafetensorsFile.Open(single));
            else
                throw InputException.InFile(folder, Directory.EnumerateFiles(folder, "pytorch_model*.bin").Any()
                    ? $"holds pytorch_model.bin but no {FileName}: convert it first"
                    : $"holds no {FileName}");
            checkpoint.Names = [.. checkpoint._holders.Keys.Order(StringComparer.Ordinal)];
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The tensor and the file that holds it; false when there is none.</summary>
    public bool TryGet(string name, out SafetensorsFile file, out SafetensorsTensor tensor)
    {
        bool found = _holders.TryGetValue(name, out file!);
        tensor = found ? file.Tensors[name] : null!;
        return found;
    }

    public void Dispose() => _files.ForEach(f => f.Dispose());

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (string name in file.Tensors.Keys)
        {
            if (!_holders.TryAdd(name, file))
                throw InputException.InFile(file.Path, $"tensor {name} is also in {_holders[name].Path}");
        }
    }

    private void AddShards(string folder)
    {
        var index = JsonFields.Read(Path);
        var map = WeightMap(index);
        foreach (string shard in Shards(index))
            Add(SafetensorsFile.Open(System.IO.Path.Combine(folder, shard)));
        foreach (string name in map.Names)
        {
            string shard = ShardOf(map, name);
            if (!_holders.TryGetValue(name, out var file) || System.IO.Path.GetFileName(file.Path) != shard)
                throw InputException.InFile(Path, $"tensor {name} is not in {shard}");
        }
    }

    /// <summary>File names of the shards that an index lists, in order.</summary>
    /// <exception cref="InputException">The index is malformed, or reaches outside its folder.</exception>
    internal static string[] Shards(JsonFields index)
    {
        var map = WeightMap(index);
        return [.. map.Names.Select(name => ShardOf(map, name)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static JsonFields WeightMap(JsonFields index) => index.Object("weight_map") ?? throw index.Error("weight_map is missing");

    private static string ShardOf(JsonFields map, string name)
    {
        string shard = map.String(name) ?? throw map.Error(name, "is null, expected a file name");
        // Only files of this folder: an index must not reach elsewhere.
        if (shard.Length == 0 || shard is "." or ".." || shard.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
            throw map.Error(name, $"is \"{shard}\", expected the name of a file beside the index");
        return shard;
    }
}
