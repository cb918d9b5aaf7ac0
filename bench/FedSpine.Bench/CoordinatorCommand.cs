using System.Globalization;
using System.Text.Json.Nodes;
using FedSpine.Bench.Measuring;
using FedSpine.Engine;
using FedSpine.Federated.Policies;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;

namespace FedSpine.Bench;

/// <summary>
/// The coordinator without models: what a policy costs in time and memory for many devices, and what its choices lose against the
/// best, on a fleet that answers by formulas or, with --record FOLDER, as the devices of real runs did (<see cref="SyntheticFleet"/>).
/// </summary>
internal static class CoordinatorCommand
{
    /// <summary>Regret values every arm of every play: for fleets up to this size.</summary>
    private const int MostDevicesForRegret = 400;

    public static int Run(IEnumerable<string> arguments)
    {
        var options = new CommandOptions(arguments, ["--devices", "--rounds", "--seeds", "--participation", "--policy", "--record"], ["--json", "--share-statistics"]);
        int Number(string name, int otherwise) => options.Integer(name, otherwise, 1, int.MaxValue);
        int devices = Number("--devices", 80), rounds = Number("--rounds", 40), seeds = Number("--seeds", 1);
        string fraction = options.Text("--participation") ?? "1";
        if (!double.TryParse(fraction, NumberStyles.Float, CultureInfo.InvariantCulture, out double participation) || !(participation > 0 && participation <= 1))
            throw new InputException($"--participation {fraction}: expected a fraction above 0, at most 1");
        var response = options.Text("--record") is { } record ? new RecordedResponse([.. Runs(record)]) : null;
        var space = (response?.Space ?? new PolicySpace(0.5, 0.005, 8, 16, devices, rounds)) with { Devices = devices, Rounds = rounds };
        bool share = options.Has("--share-statistics"), json = options.Has("--json");
        string[] policies = options.Text("--policy") is { } one ? one.Split(',') : [.. PolicyFactory.Names.Except(["tiered"])]; // tiered is told the speeds
        if (!json)
            Console.WriteLine("| policy | devices | regret a play | standard error | first quarter | last quarter | virtual s | ms a round | bytes a device |\n|---|---|---|---|---|---|---|---|---|");
        var rows = new JsonArray();
        foreach (string name in policies)
        {
            var row = Measure(name, space, participation, seeds, share, response);
            rows.Add(row);
            if (!json)
                Console.WriteLine(Line(row));
        }

        if (json)
            Console.WriteLine(new JsonObject { ["rounds"] = rounds, ["participation"] = participation, ["seeds"] = seeds, ["shareStatistics"] = share, ["policies"] = rows }.ToJsonString());
        return 0;
    }

    /// <summary>The finished runs in a folder, at any depth: a run, or some of a comparison's.</summary>
    private static IEnumerable<RunFolder> Runs(string folder)
    {
        if (!Directory.Exists(folder))
            throw new InputException($"--record {folder}: no such folder");
        return Directory.EnumerateFiles(folder, Path.GetFileName(new RunFolder(folder).Rounds), SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => new RunFolder(Path.GetDirectoryName(file)!)).Where(run => RunFolderReader.ReadSummary(run) is not null);
    }

    private static JsonObject Measure(string name, PolicySpace space, double participation, int seeds, bool share, FleetResponse? response)
    {
        bool withRegret = space.Devices <= MostDevicesForRegret;
        double[] total = new double[seeds], first = new double[seeds], last = new double[seeds], clock = new double[seeds], seconds = new double[seeds];
        double bytes = 0;
        for (int s = 0; s < seeds; s++)
        {
            var fleet = new SyntheticFleet(space, "jetson", participation, (ulong)(s + 1), response);
            var classes = share ? fleet.Classes : null;
            long before = GC.GetTotalMemory(forceFullCollection: true);
            var run = fleet.Play(worth => PolicyFactory.Create(name, space, worth, classes), withRegret);
            clock[s] = run.VirtualSeconds;
            seconds[s] = run.RoundSeconds.Average();
            if (withRegret)
            {
                int quarter = Math.Max(1, run.Regret.Count / 4);
                (total[s], first[s], last[s]) = (run.Regret.Average(), run.Regret.Take(quarter).Average(), run.Regret.TakeLast(quarter).Average());
            }

            var policy = run.Policy;
            run = null;
            bytes = (double)(GC.GetTotalMemory(forceFullCollection: true) - before) / space.Devices;
            GC.KeepAlive(policy);
            GC.KeepAlive(fleet);
        }

        double mean = total.Average(), error = seeds > 1 ? Math.Sqrt(total.Sum(t => (t - mean) * (t - mean)) / (seeds - 1) / seeds) : double.NaN;
        return new JsonObject
        {
            ["policy"] = name,
            ["devices"] = (double)space.Devices,
            ["regret"] = withRegret ? mean : null,
            ["regretError"] = withRegret && seeds > 1 ? error : null,
            ["regretFirstQuarter"] = withRegret ? first.Average() : null,
            ["regretLastQuarter"] = withRegret ? last.Average() : null,
            ["virtualSeconds"] = clock.Average(),
            ["roundMilliseconds"] = 1000 * seconds.Average(),
            ["bytesPerDevice"] = bytes,
        };
    }

    private static string Line(JsonObject row)
    {
        string Text(string name, string format) => row[name] is { } value ? ((double)value).ToString(format, CultureInfo.InvariantCulture) : "";
        return $"| {(string?)row["policy"]} | {Text("devices", "N0")} | {Text("regret", "0.0000")} | {Text("regretError", "0.0000")} | {Text("regretFirstQuarter", "0.0000")} "
            + $"| {Text("regretLastQuarter", "0.0000")} | {Text("virtualSeconds", "0.0")} | {Text("roundMilliseconds", "0.00")} | {Text("bytesPerDevice", "N0")} |";
    }
}
