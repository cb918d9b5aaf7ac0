using System.Runtime.ExceptionServices;
using FedSpine.Engine;
using FedSpine.Engine.Lora;

namespace FedSpine.Federated.Aggregation;

/// <summary>
/// What all rules share: participants' modules are gathered by name, merged one by one, and the head is averaged. Modules and head
/// parameters that no participant sent stay as they were. Stateless, so one aggregator may cut for many devices at once.
/// </summary>
public abstract class AdapterAggregator : IAggregator
{
    private protected AdapterAggregator(string name) => Name = name;

    public string Name { get; }

    public virtual bool FoldsIntoBase => false;

    /// <summary>Modules merged side by side; 0: one per core. Does not change results; temporary memory grows with it.</summary>
    public int Threads { get; init; }

    /// <exception cref="InputException">An update whose shapes contradict each other or whose values are not finite.</exception>
    public GlobalAdapter Aggregate(GlobalAdapter previous, IReadOnlyList<AdapterUpdate> updates, out double error)
    {
        UpdateCheck.Check(updates);
        string[] names = [.. ModuleNames(previous, updates)];
        ModuleContributions?[] contributions = [.. names.Select(name => Contributions(name, previous, updates))];
        var merged = new AdapterModule[names.Length];
        double[] errors = new double[names.Length];
        // Modules are independent and each is merged by one thread: the result is the same for any number of threads.
        try
        {
            Parallel.For(0, names.Length, new ParallelOptions { MaxDegreeOfParallelism = Threads == 0 ? Environment.ProcessorCount : Threads }, i =>
            {
                if (contributions[i] is { } sent)
                    (errors[i], merged[i]) = (FactorAveraging.Error(sent), Merge(sent));
                else
                    merged[i] = previous.State.Modules.First(m => m.Module == names[i]);
            });
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
        error = errors.Sum();
        return new GlobalAdapter(new AdapterState(merged, MeanHead(previous, updates)));
    }

    /// <summary>Null where no participant has the module.</summary>
    private static ModuleContributions? Contributions(string name, GlobalAdapter previous, IReadOnlyList<AdapterUpdate> updates)
    {
        var modules = new List<AdapterModule>();
        var weights = new List<double>();
        foreach (AdapterUpdate update in updates)
        {
            if (update.State.Modules.FirstOrDefault(m => m.Module == name) is not { } module)
                continue;
            modules.Add(module);
            weights.Add(update.Weight);
        }
        if (modules.Count == 0)
            return null;
        AdapterModule? old = previous.State.Modules.FirstOrDefault(m => m.Module == name);
        if (old is not null && (old.BaseRows, old.BaseColumns) != (modules[0].BaseRows, modules[0].BaseColumns))
            throw new InputException($"{name}: devices sent {modules[0].BaseRows}x{modules[0].BaseColumns}, "
                + $"the global adapter has {old.BaseRows}x{old.BaseColumns}");
        double total = weights.Sum();
        return new ModuleContributions(old, modules, [.. weights.Select(w => w / total)]);
    }

    public AdapterState? Cut(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes, int rank)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rank, 1);
        return Cut(global, shapes, (module, shape) => CutModule(module, shape, rank));
    }

    public AdapterState? Cut(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes) => Cut(global, shapes, static (module, shape) =>
    {
        (ColumnMatrix b, ColumnMatrix a) = AdapterFactors.Restrict(module, shape.Rows, shape.Columns);
        return AdapterFactors.Leading(shape, b, a, module.Rank);
    });

    private static AdapterState? Cut(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes, Func<AdapterModule, AdapterShape, AdapterModule> cut)
    {
        if (global.State.Modules.Count == 0)
            return null;
        var modules = new List<AdapterModule>();
        foreach (AdapterShape shape in shapes)
        {
            AdapterModule module = global.State.Modules.FirstOrDefault(m => m.Module == shape.Module)
                ?? new AdapterModule(shape.Module, 1, 1, shape.BaseRows, shape.BaseColumns, null, null, new float[shape.BaseRows], new float[shape.BaseColumns]);
            if ((module.BaseRows, module.BaseColumns) != (shape.BaseRows, shape.BaseColumns))
                throw new InputException($"{shape.Module}: the device's base is {shape.BaseRows}x{shape.BaseColumns}, "
                    + $"the global adapter's {module.BaseRows}x{module.BaseColumns}");
            modules.Add(cut(module, shape));
        }
        return new AdapterState(modules, global.State.Head);
    }

    /// <summary>The global module: all rows and columns, scale 1.</summary>
    private protected abstract AdapterModule Merge(ModuleContributions contributions);

    /// <summary>A device's share of a global module.</summary>
    private protected abstract AdapterModule CutModule(AdapterModule global, AdapterShape shape, int rank);

    /// <summary>The previous adapter's order, then that of first appearance.</summary>
    private static IEnumerable<string> ModuleNames(GlobalAdapter previous, IReadOnlyList<AdapterUpdate> updates) =>
        previous.State.Modules.Concat(updates.SelectMany(u => u.State.Modules)).Select(m => m.Module).Distinct();

    private static Dictionary<string, float[]> MeanHead(GlobalAdapter previous, IReadOnlyList<AdapterUpdate> updates)
    {
        var head = new Dictionary<string, float[]>();
        foreach (string name in previous.State.Head.Keys.Concat(updates.SelectMany(u => u.State.Head.Keys)).Distinct().Order(StringComparer.Ordinal))
        {
            double total = 0;
            double[]? sum = null;
            foreach (AdapterUpdate update in updates)
            {
                if (!update.State.Head.TryGetValue(name, out float[]? values))
                    continue;
                sum ??= new double[values.Length];
                for (int i = 0; i < sum.Length; i++)
                    sum[i] += update.Weight * values[i];
                total += update.Weight;
            }
            head[name] = sum is null ? previous.State.Head[name] : [.. sum.Select(s => (float)(s / total))];
        }
        return head;
    }
}
