using System.Globalization;
using FedSpine.Bench.Fuzzing;

namespace FedSpine.Bench;

/// <summary>Damaged files for every parser, and one line a parser about what it made of them.</summary>
internal static class FuzzCommand
{
    /// <summary>A case that has not come back by then is a hang.</summary>
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(10);

    /// <returns>0, or 1 where a parser crashed, hung, or took more time or memory than it may.</returns>
    public static int Run(string[] arguments)
    {
        string? Value(string name) => Array.IndexOf(arguments, name) is >= 0 and var i && i + 1 < arguments.Length ? arguments[i + 1] : null;
        int count = int.Parse(Value("--count") ?? "100000", CultureInfo.InvariantCulture);
        ulong seed = ulong.Parse(Value("--seed") ?? "1", CultureInfo.InvariantCulture);
        string? only = Value("--only");
        using var parsers = new FuzzParsers();
        var all = parsers.Create().Where(p => only is null || p.Name == only).ToArray();
        if (all.Length == 0)
        {
            Console.Error.WriteLine($"--only {only}: expected one of {string.Join(", ", parsers.Create().Select(p => p.Name))}");
            return 2;
        }

        string keep = Path.Combine(Path.GetTempPath(), "fedspine-fuzz-failures");
        int failures = 0;
        Console.WriteLine("| parser | mutations | accepted | refused | worst time | most allocated |\n|---|---|---|---|---|---|");
        for (int i = 0; i < all.Length; i++)
        {
            var parser = all[i];
            int share = count / all.Length + (i < count % all.Length ? 1 : 0);
            var run = Task.Factory.StartNew(() => FuzzRun.Run(parser, share, seed, keep), TaskCreationOptions.LongRunning);
            if (!run.Wait(s_hang))
            {
                Console.WriteLine($"{parser.Name}: hangs");
                return 1;
            }

            var r = run.Result;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {r.Name} | {r.Mutations:N0} | {r.Accepted:N0} | {r.Refused:N0} | {r.WorstTime.TotalMilliseconds:0} ms | {r.WorstBytes / 1e6:0.0} MB |"));
            foreach (string failure in r.Failures.Take(5))
                Console.WriteLine(failure);
            failures += r.Failures.Count;
        }

        Console.WriteLine(failures == 0 ? "every refusal is typed and names its file; nothing crashed, hung or grew" : $"{failures} failures; the files are in {keep}");
        return failures == 0 ? 0 : 1;
    }
}
