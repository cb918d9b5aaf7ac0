using FedSpine.Bench.Measuring;

namespace FedSpine.Bench.Gating;

/// <summary>A table of what changed between two runs of the gate, and whether the rounds bear it out.</summary>
internal static class CompareCommand
{
    /// <summary>
    /// A change counts as one below this probability of chance (Mann and Whitney) and beyond the noise band. The test
    /// alone is not enough: it takes rounds for independent, and those of one pass share what else the machine did.
    /// </summary>
    private const double Significance = 0.01;

    public static int Run(IEnumerable<string> arguments)
    {
        var files = new CommandOptions(arguments, [], [], operands: 2).Operands;
        GateFile before = GateFile.Read(files[0]), after = GateFile.Read(files[1]);
        if (!before.Machine.IsSame(after.Machine))
            Console.WriteLine($"two machines: {before.Machine.Summary}; {after.Machine.Summary}. Changes of ratios say little");
        Console.WriteLine("| case | beside | A | B | change | p | bytes A | bytes B | |\n|---|---|---|---|---|---|---|---|---|");
        foreach (var b in after.Cases)
        {
            if (before.Cases.FirstOrDefault(c => c.Name == b.Name) is { } a)
                Console.WriteLine(Line(a, b));
            else
                Console.WriteLine($"| {b.Name} | {b.Reference} | | {Robust.Median(b.Ratios):f3} | | | | {b.AllocatedBytes:f0} | new |");
        }

        foreach (var gone in before.Cases.Where(a => after.Cases.All(b => b.Name != a.Name)))
            Console.WriteLine($"| {gone.Name} | {gone.Reference} | {Robust.Median(gone.Ratios):f3} | | | | {gone.AllocatedBytes:f0} | | gone |");
        Console.WriteLine($"\nRatios: our time over the reference's, medians. Faster or slower: p < {Significance} and beyond the gate's noise band; perhaps: within it.");
        return 0;
    }

    private static string Line(GateMeasurement a, GateMeasurement b)
    {
        string bytes = GateVerdict.AllocatesMore(a.AllocatedBytes, b.AllocatedBytes) ? "allocates more" : GateVerdict.AllocatesMore(b.AllocatedBytes, a.AllocatedBytes) ? "allocates less" : "";
        if (a.Reference != b.Reference)
            return $"| {b.Name} | {a.Reference}, {b.Reference} | {Robust.Median(a.Ratios):f3} | {Robust.Median(b.Ratios):f3} | | | {a.AllocatedBytes:f0} | {b.AllocatedBytes:f0} | not comparable {bytes} |";
        double change = GateVerdict.Change(a.Ratios, b.Ratios), p = RankTest.PValue(a.Ratios, b.Ratios);
        string direction = change > 0 ? "slower" : "faster";
        string word = p >= Significance ? "" : Math.Abs(change) > GateVerdict.Band(a.Ratios, b.Ratios) ? direction : $"perhaps {direction}";
        string[] words = [.. new[] { word, bytes }.Where(w => w.Length > 0)];
        return $"| {b.Name} | {b.Reference} | {Robust.Median(a.Ratios):f3} | {Robust.Median(b.Ratios):f3} | {change:+0.0%;-0.0%} | {p:0.0000} | {a.AllocatedBytes:f0} | {b.AllocatedBytes:f0} | {string.Join(", ", words)} |";
    }
}
