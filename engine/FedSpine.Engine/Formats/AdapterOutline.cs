using FedSpine.Engine.Hub;

namespace FedSpine.Engine.Formats;

/// <summary>What a PEFT folder holds, read without the model that it is for.</summary>
/// <param name="BaseModel">The model that it names as its base; null where it names none.</param>
/// <param name="Rank">r of the configuration; single modules may differ.</param>
/// <param name="Alpha">lora_alpha of the configuration.</param>
/// <param name="Targets">Last names of the modules with factors, in the order of the file.</param>
/// <param name="Ranks">The different ranks of the factors, ascending.</param>
/// <param name="Modules">Modules with factors.</param>
/// <param name="Parameters">Weights of the factors.</param>
/// <param name="HeadParameters">Weights beside them: a classification head.</param>
/// <param name="StoredBytes">Bytes of all of them on disk.</param>
public sealed record AdapterOutline(
    string? BaseModel, int Rank, float Alpha, IReadOnlyList<string> Targets, IReadOnlyList<int> Ranks, int Modules, long Parameters, long HeadParameters, long StoredBytes)
{
    private const string Down = ".lora_A.weight";

    /// <exception cref="InputException">No PEFT folder, or a malformed one.</exception>
    public static AdapterOutline Read(string folder)
    {
        folder = HubModel.Resolve(folder);
        if (!Directory.Exists(folder))
            throw InputException.InFile(folder, "no such folder");
        var json = JsonFields.Read(Path.Combine(folder, PeftConfig.FileName));
        using var file = SafetensorsFile.Open(Path.Combine(folder, PeftAdapter.FileName));
        var factors = file.Tensors.Values.Where(t => t.Name.Contains(".lora_", StringComparison.Ordinal)).ToList();
        var down = factors.Where(t => t.Name.EndsWith(Down, StringComparison.Ordinal) && t.Shape.Length == 2).ToList();
        if (down.Count == 0)
            throw InputException.InFile(file.Path, $"holds no LoRA factors (tensors ending in {Down})");
        return new AdapterOutline(
            json.String("base_model_name_or_path"), json.Int("r", 1, int.MaxValue, 8), json.Float("lora_alpha", 0, float.MaxValue, 8),
            [.. down.Select(t => t.Name[..^Down.Length].Split('.')[^1]).Distinct()], [.. down.Select(t => (int)t.Shape[0]).Distinct().Order()],
            down.Count, factors.Sum(t => t.Length), file.Tensors.Values.Except(factors).Sum(t => t.Length), file.Tensors.Values.Sum(t => t.End - t.Begin));
    }
}
