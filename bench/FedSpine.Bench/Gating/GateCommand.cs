using FedSpine.Bench.Measuring;
using FedSpine.Engine;

namespace FedSpine.Bench.Gating;

/// <summary>
/// Measures the suite and fails where a case allocates more than was recorded, or takes longer beside its reference than the baseline
/// of this machine by more than the noise. A case that fails is measured again, twice: a burst of other work is no regression.
/// </summary>
internal static class GateCommand
{
    /// <summary>A run's rounds come from some passes over the suite: those of one pass share its disturbances and its memory's pages.</summary>
    private const int Attempts = 3, Passes = 3, BaselinePasses = 6;

    /// <returns>0, or 1 where a case is worse.</returns>
    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--baseline", "--out", "--rounds", "--only"], ["--update"]);
        int rounds = options.Integer("--rounds", 15, 3, 1000);
        var blas = OpenBlas.Load();
        var machine = Machine.Describe(blas);
        string path = options.Text("--baseline") ?? Path.Combine(GateFile.BaselineFolder()
            ?? throw new InputException("no bench/baselines above the working folder: say which file with --baseline"), GateFile.NameFor(machine));
        bool update = options.Has("--update");
        if (update && options.Has("--only"))
            throw new InputException("--update records the whole suite: leave --only out");

        var cases = GateCase.All.Where(c => c.Threads <= machine.Cores && c.Name.Contains(options.Text("--only") ?? "", StringComparison.Ordinal)).ToList();
        if (cases.Count == 0)
            throw new InputException($"--only {options.Text("--only")}: expected a part of one of {string.Join("; ", GateCase.All.Select(c => c.Name))}");
        Console.WriteLine($"{machine.Summary}; {blas?.Description ?? OpenBlas.Absent + ": a plain loop in its place"}; {rounds} rounds");
        foreach (var skipped in GateCase.All.Where(c => c.Threads > machine.Cores))
            Console.WriteLine($"{skipped.Name}: left out, the machine has {machine.Cores} core");
        if (update)
        {
            new GateFile(machine, Measure(cases, blas, rounds, BaselinePasses)).Write(path);
            Console.WriteLine($"recorded {cases.Count} cases in {path}");
            return 0;
        }

        var baseline = File.Exists(path) || options.Has("--baseline") ? GateFile.Read(path) : null;
        bool same = baseline?.Machine.IsSame(machine) == true;
        var recorded = same ? [baseline!] : CommittedBaselines(baseline);
        var now = new List<GateMeasurement>();
        var failures = new List<string>();
        Console.WriteLine($"{"",-42}{"beside",-12}{"ratio",8}{"baseline",10}{"change",9}{"band",7}{"bytes",10}");
        var first = Measure(cases, blas, rounds, Passes);
        for (int i = 0; i < cases.Count; i++)
        {
            var measured = first[i];
            var worse = Judge(recorded, same, measured);
            for (int attempt = 1; attempt < Attempts && worse.Count > 0; attempt++)
            {
                measured = cases[i].Measure(blas, rounds);
                worse = Judge(recorded, same, measured);
            }

            now.Add(measured);
            failures.AddRange(worse);
            Print(measured, same ? baseline!.Cases.FirstOrDefault(c => c.Name == measured.Name) : null, worse.Count > 0);
        }

        if (options.Text("--out") is { } file)
            new GateFile(machine, now).Write(file);
        if (!same)
        {
            Console.WriteLine(baseline is null ? $"no baseline of this machine ({path})" : $"{path} is of another machine: {baseline.Machine.Summary}");
            Console.WriteLine($"ratios were not judged, allocated bytes were; record a baseline with: gate --update{(options.Text("--baseline") is { } given ? $" --baseline {given}" : "")}");
        }

        else if (now.Count(c => baseline!.Cases.All(b => (b.Name, b.Reference) != (c.Name, c.Reference))) is > 0 and var unjudged)
        {
            Console.WriteLine($"{unjudged} ratios were not judged: the baseline lacks the case, or has it beside another reference (is OpenBLAS installed?)");
        }

        failures.ForEach(Console.Error.WriteLine);
        Console.WriteLine(failures.Count == 0 ? "the gate passes" : $"the gate fails: {failures.Count} of {cases.Count} cases are worse, {Attempts} times each");
        return failures.Count == 0 ? 0 : 1;
    }

    /// <summary>Every case in every pass; a case's rounds of all passes together. A run's rounds are shared out, a baseline's passes are as long.</summary>
    private static List<GateMeasurement> Measure(List<GateCase> cases, OpenBlas? blas, int rounds, int passes)
    {
        int each = (rounds + Passes - 1) / Passes;
        var measured = Enumerable.Range(0, passes).Select(_ => cases.Select(c => c.Measure(blas, each)).ToList()).ToList();
        return [.. cases.Select((_, i) => measured[0][i] with
        {
            Ratios = [.. measured.SelectMany(pass => pass[i].Ratios).Select(r => Math.Round(r, 5))],
            AllocatedBytes = Robust.Median(measured.Select(pass => pass[i].AllocatedBytes)),
        })];
    }

    private static IReadOnlyList<string> Judge(IReadOnlyList<GateFile> recorded, bool same, GateMeasurement now)
    {
        var known = recorded.SelectMany(f => f.Cases).Where(c => c.Name == now.Name).ToList();
        if (known.Count == 0)
            return [];
        return same ? GateVerdict.Failures(known[0], now) : GateVerdict.AllocationFailure(known.Max(c => c.AllocatedBytes), now) is { } line ? [line] : [];
    }

    /// <summary>Allocated bytes do not depend on the machine: those of any baseline count.</summary>
    private static IReadOnlyList<GateFile> CommittedBaselines(GateFile? given) => given is not null ? [given]
        : GateFile.BaselineFolder() is { } folder ? [.. Directory.EnumerateFiles(folder, "*.json").Select(GateFile.Read)] : [];

    private static void Print(GateMeasurement now, GateMeasurement? baseline, bool worse)
    {
        bool judged = baseline is not null && baseline.Reference == now.Reference;
        string against = judged
            ? $"{Robust.Median(baseline!.Ratios),10:f3}{GateVerdict.Change(baseline.Ratios, now.Ratios),9:+0.0%;-0.0%}{GateVerdict.Band(baseline.Ratios, now.Ratios),7:0%}"
            : $"{"not judged",26}";
        Console.WriteLine($"{now.Name,-42}{now.Reference,-12}{Robust.Median(now.Ratios),8:f3}{against}{now.AllocatedBytes,10:f0}{(worse ? "  WORSE" : "")}");
    }
}
