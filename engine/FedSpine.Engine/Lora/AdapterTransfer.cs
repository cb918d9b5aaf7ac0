using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;

namespace FedSpine.Engine.Lora;

/// <summary>Adapters and trained head between a model in backend memory and the host, where they are sent and merged.</summary>
public static class AdapterTransfer
{
    /// <summary>The factors with their places in the unpruned base, modules in the model's order, and the head where it is trained.</summary>
    /// <exception cref="FedSpineException">The model has no adapters.</exception>
    public static AdapterState Extract(Model model)
    {
        if (model.Lora is null)
            throw new FedSpineException("the model has no adapters");
        var modules = new List<AdapterModule>();
        foreach (var linear in model.Layers.SelectMany(l => l.Linears).Where(l => l.A is not null))
        {
            var (baseRows, rows) = Axis(model, linear.Weight.Layer, linear.Weight.RowAxis, linear.Out);
            var (baseColumns, columns) = Axis(model, linear.Weight.Layer, linear.Weight.ColumnAxis, linear.In);
            modules.Add(new AdapterModule(linear.Name, linear.Rank, linear.Scale, baseRows, baseColumns, rows, columns,
                linear.B!.Download(model.Backend), linear.A!.Download(model.Backend)));
        }

        var head = new SortedDictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var parameter in HeadParameters(model).Where(p => p.Trainable))
            head.Add(parameter.Name, parameter.Download(model.Backend));
        return new AdapterState(modules, head);
    }

    /// <summary>
    /// Loads a state cut to the model's rank, rows and columns. Another scale is folded into B, so that dW is the state's. Head
    /// parameters that the state lacks keep their values.
    /// </summary>
    /// <exception cref="InputException">Modules, ranks, rows, columns or lengths differ; the model is then unchanged.</exception>
    public static void Load(Model model, AdapterState state)
    {
        var linears = model.Layers.SelectMany(l => l.Linears).Where(l => l.A is not null).ToDictionary(l => l.Name, StringComparer.Ordinal);
        var head = HeadParameters(model).ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var module in state.Modules)
            Check(model, linears.GetValueOrDefault(module.Module), module);
        if (state.Modules.DistinctBy(m => m.Module).Count() != linears.Count || state.Modules.Count != linears.Count)
            throw new InputException($"adapter state has {state.Modules.Count} modules, the model {linears.Count}");
        foreach (var (name, values) in state.Head)
        {
            if (!head.TryGetValue(name, out var parameter))
                throw new InputException($"adapter state: the model has no head parameter {name}");
            if (parameter.Length != values.Length)
                throw new InputException($"adapter state: {name} has {values.Length} elements, the model's {parameter.Length}");
        }

        foreach (var module in state.Modules)
        {
            var linear = linears[module.Module];
            float fold = module.Scale / linear.Scale;
            model.Backend.Upload<float>(linear.A!.Value, module.A);
            model.Backend.Upload<float>(linear.B!.Value, fold == 1 ? module.B : [.. module.B.Select(b => b * fold)]);
        }

        foreach (var (name, values) in state.Head)
            model.Backend.Upload<float>(head[name].Value, values);
    }

    /// <summary>The classification head's weights and biases; none for language models.</summary>
    internal static IEnumerable<Parameter> HeadParameters(Model model) => model.Spec.Head != ModelHead.SequenceClassification
        ? []
        : ((Parameter?[])[model.Head.Dense?.Weight, model.Head.Dense?.Bias, model.Head.Out.Weight, model.Head.Out.Bias]).OfType<Parameter>();

    /// <summary>Length of the axis in the base, and the kept indices; null when all are.</summary>
    private static (int BaseLength, int[]? Kept) Axis(Model model, int layer, GroupAxis axis, int length)
    {
        var shape = model.BaseLayers[layer];
        int baseLength = axis switch
        {
            GroupAxis.QueryHeads => shape.QuerySize,
            GroupAxis.KeyValueHeads => shape.KeyValueSize,
            GroupAxis.Channels => shape.FfnWidth,
            _ => length,
        };
        return (baseLength, length == baseLength ? null : model.Kept[layer].Elements(axis, shape.HeadSize));
    }

    private static void Check(Model model, Linear? linear, AdapterModule module)
    {
        if (linear is null)
            throw new InputException($"adapter state: the model has no adapter on {module.Module}");
        if (module.Rank != linear.Rank)
            throw new InputException($"adapter state: {module.Module} has rank {module.Rank}, the model's {linear.Rank}");
        CheckAxis("rows", Axis(model, linear.Weight.Layer, linear.Weight.RowAxis, linear.Out), module.BaseRows, module.Rows);
        CheckAxis("columns", Axis(model, linear.Weight.Layer, linear.Weight.ColumnAxis, linear.In), module.BaseColumns, module.Columns);
        if (module.A.Length != linear.A!.Length || module.B.Length != linear.B!.Length)
            throw new InputException($"adapter state: {module.Module} has factors of {module.A.Length} and {module.B.Length} elements, expected {linear.A.Length} and {linear.B!.Length}");

        void CheckAxis(string what, (int BaseLength, int[]? Kept) expected, int baseLength, int[]? kept)
        {
            if (baseLength != expected.BaseLength || !Kept(kept, baseLength).SequenceEqual(Kept(expected.Kept, expected.BaseLength)))
                throw new InputException($"adapter state: {module.Module} keeps {kept?.Length ?? baseLength} of {baseLength} {what}, the model {expected.Kept?.Length ?? expected.BaseLength} of {expected.BaseLength}, or others");
        }

        static IEnumerable<int> Kept(int[]? indices, int count) => indices ?? Enumerable.Range(0, count);
    }
}
