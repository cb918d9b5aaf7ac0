using System.Globalization;
using FedSpine.Engine;

namespace FedSpine.Federated.Simulation;

/// <summary>Splits the training examples over the devices.</summary>
public static class Partition
{
    private const ulong Stream = 0x9A87;

    public static string Usage => "iid, dirichlet:ALPHA (ALPHA > 0), shards:N (N shards a device), domains";

    /// <summary>
    /// Indices of each device's examples, ascending. Every example goes to exactly one device and every device gets at least one.
    /// </summary>
    /// <param name="labels">Class of each example; null for language models (dirichlet and shards then use the domains).</param>
    /// <param name="domains">Domain of each example; null when the data has none.</param>
    public static int[][] Split(string partition, int devices, int examples, int[]? labels, int[]? domains, ulong seed)
    {
        if (examples < devices)
            throw new InputException($"{examples} training examples are too few for {devices} devices");
        var random = new DeterministicRandom(seed, Stream);
        var (kind, argument) = Parse(partition);
        var parts = kind switch
        {
            "iid" => Iid(devices, examples, random),
            "dirichlet" => Dirichlet(argument, devices, labels ?? domains ?? throw NeedsKeys(partition), random),
            "shards" => Shards((int)argument, devices, labels ?? domains ?? throw NeedsKeys(partition), random),
            _ => Domains(devices, domains ?? throw NeedsKeys(partition), random),
        };
        GiveEveryoneSomething(parts);
        return [.. parts.Select(p => p.Order().ToArray())];
    }

    /// <exception cref="InputException">Not one of <see cref="Usage"/>.</exception>
    public static void Check(string partition) => Parse(partition);

    private static (string Kind, double Argument) Parse(string partition)
    {
        int colon = partition.IndexOf(':');
        var (kind, text) = colon < 0 ? (partition, null) : (partition[..colon], partition[(colon + 1)..]);
        return kind switch
        {
            "iid" or "domains" when text is null => (kind, 0),
            "dirichlet" when double.TryParse(text, CultureInfo.InvariantCulture, out double alpha) && alpha > 0 && double.IsFinite(alpha) => (kind, alpha),
            "shards" when int.TryParse(text, CultureInfo.InvariantCulture, out int shards) && shards > 0 => (kind, shards),
            _ => throw new InputException($"--partition {partition}: expected {Usage}"),
        };
    }

    private static InputException NeedsKeys(string partition) =>
        new($"partition '{partition}' needs labels or a domain column (--domain-column), and the data has neither");

    private static List<int>[] Iid(int devices, int examples, DeterministicRandom random)
    {
        int[] order = [.. Enumerable.Range(0, examples)];
        random.Shuffle<int>(order);
        return Deal(order, devices);
    }

    /// <summary>Each class is split over the devices in proportions drawn from Dirichlet(alpha) (Hsu et al., arXiv 1909.06335).</summary>
    private static List<int>[] Dirichlet(double alpha, int devices, int[] labels, DeterministicRandom random)
    {
        var parts = NewParts(devices);
        foreach (var members in ByKey(labels))
        {
            int[] order = [.. members];
            random.Shuffle<int>(order);
            var weights = new double[devices];
            for (int d = 0; d < devices; d++)
                weights[d] = random.NextGamma(alpha);
            double sum = weights.Sum(), cumulative = 0;
            int start = 0;
            for (int d = 0; d < devices; d++)
            {
                cumulative += sum > 0 ? weights[d] / sum : 1.0 / devices;
                int end = d == devices - 1 ? order.Length : Math.Min(order.Length, (int)Math.Round(cumulative * order.Length));
                for (; start < end; start++)
                    parts[d].Add(order[start]);
            }
        }

        return parts;
    }

    /// <summary>Examples sorted by class, cut into devices x N shards, N dealt to each device (McMahan et al., arXiv 1602.05629).</summary>
    private static List<int>[] Shards(int perDevice, int devices, int[] labels, DeterministicRandom random)
    {
        int[] sorted = [.. ByKey(labels).SelectMany(m => m)];
        int shards = perDevice * devices;
        int[] order = [.. Enumerable.Range(0, shards)];
        random.Shuffle<int>(order);
        var parts = NewParts(devices);
        for (int i = 0; i < shards; i++)
        {
            int shard = order[i];
            int start = (int)((long)sorted.Length * shard / shards), end = (int)((long)sorted.Length * (shard + 1) / shards);
            parts[i / perDevice].AddRange(sorted[start..end]);
        }

        return parts;
    }

    /// <summary>
    /// One domain a device; with more devices than domains, a domain's examples are dealt to its devices; with fewer, a device gets
    /// several domains.
    /// </summary>
    private static List<int>[] Domains(int devices, int[] domains, DeterministicRandom random)
    {
        var parts = NewParts(devices);
        var groups = ByKey(domains).ToList();
        for (int g = 0; g < groups.Count; g++)
        {
            int[] order = [.. groups[g]];
            random.Shuffle<int>(order);
            int[] owners = devices <= groups.Count ? [g % devices] : [.. Enumerable.Range(0, devices).Where(d => d % groups.Count == g)];
            var dealt = Deal(order, owners.Length);
            for (int i = 0; i < owners.Length; i++)
                parts[owners[i]].AddRange(dealt[i]);
        }

        return parts;
    }

    /// <summary>Takes from the largest share for every empty one.</summary>
    private static void GiveEveryoneSomething(List<int>[] parts)
    {
        foreach (var empty in parts.Where(p => p.Count == 0))
        {
            var largest = parts.MaxBy(p => p.Count)!;
            empty.Add(largest[^1]);
            largest.RemoveAt(largest.Count - 1);
        }
    }

    private static List<int>[] Deal(int[] order, int devices)
    {
        var parts = NewParts(devices);
        for (int i = 0; i < order.Length; i++)
            parts[i % devices].Add(order[i]);
        return parts;
    }

    private static List<int>[] NewParts(int devices) => [.. Enumerable.Range(0, devices).Select(_ => new List<int>())];

    private static IEnumerable<IEnumerable<int>> ByKey(int[] keys) =>
        Enumerable.Range(0, keys.Length).GroupBy(i => keys[i]).OrderBy(g => g.Key);
}
