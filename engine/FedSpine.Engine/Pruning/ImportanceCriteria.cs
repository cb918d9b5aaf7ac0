namespace FedSpine.Engine.Pruning;

/// <summary>The criteria by name.</summary>
public static class ImportanceCriteria
{
    /// <summary>Of --criterion; the first is the default.</summary>
    public static IReadOnlyList<string> Names { get; } = ["taylor", "lora-gradient", "activation", "magnitude", "random"];

    /// <param name="seed">Of the random criterion.</param>
    /// <exception cref="InputException">No such criterion.</exception>
    public static IImportanceCriterion Create(string name, ulong seed) => name switch
    {
        "taylor" => new TaylorCriterion(),
        "lora-gradient" => new LoraGradientCriterion(),
        "activation" => new ActivationCriterion(),
        "magnitude" => new MagnitudeCriterion(),
        "random" => new RandomCriterion(seed),
        _ => throw new InputException($"unknown criterion '{name}': expected {string.Join(", ", Names)}"),
    };
}
