using System.Diagnostics;
using FedSpine.Engine;

namespace FedSpine.Bench.Fuzzing;

/// <summary>Feeds damaged files to a parser. The case of an index depends on the seed and the index alone.</summary>
internal static class FuzzRun
{
    /// <summary>Far above what any case needs, also on a busy machine.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromSeconds(10);

    /// <summary>Allocated for a case: what every parser may need, and so many times the files' size.</summary>
    public const long FixedBytes = 32 << 20, BytesPerByte = 64;

    /// <param name="keep">A folder that receives the cases that failed; null: none are kept.</param>
    public static FuzzResult Run(FuzzParser parser, int count, ulong seed, string? keep = null)
    {
        string root = Directory.CreateTempSubdirectory("fedspine-fuzz-").FullName;
        try
        {
            return Run(parser, count, seed, keep, root);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static FuzzResult Run(FuzzParser parser, int count, ulong seed, string? keep, string root)
    {
        string[] folders = [.. parser.Seeds.Select((s, i) => WriteBeside(s, Path.Combine(root, $"{i}")))];
        if (!parser.Seeds.Zip(folders).Any(s => IsRead(parser, s.First, s.Second)))
            throw new InvalidOperationException($"{parser.Name} reads none of its own files: nothing would be tested");
        int accepted = 0, refused = 0;
        var worst = TimeSpan.Zero;
        long most = 0;
        var failures = new List<string>();
        for (int i = 0; i < count; i++)
        {
            var random = new DeterministicRandom(seed, (ulong)i);
            int which = i % parser.Seeds.Count;
            var other = parser.Seeds[random.NextInt(parser.Seeds.Count)].Content;
            byte[] bytes = Mutator.Mutate(parser.Seeds[which].Content, other, random);
            string file = Path.Combine(folders[which], parser.Seeds[which].File);
            File.WriteAllBytes(file, bytes);
            long allocated = GC.GetTotalAllocatedBytes();
            long start = Stopwatch.GetTimestamp();
            string? failure = null;
            try
            {
                parser.Parse(file);
                accepted++;
            }
            catch (InputException e)
            {
                refused++;
                if (!e.Message.Contains(folders[which], StringComparison.Ordinal))
                    failure = $"names no file: {e.Message}";
                else if (e.Message.AsSpan().IndexOfAny('\n', '\r') >= 0)
                    failure = $"takes several lines: {e.Message}";
            }
            catch (Exception e)
            {
                failure = $"{e.GetType().Name}: {e.Message}{Environment.NewLine}{e.StackTrace}";
            }

            var time = Stopwatch.GetElapsedTime(start);
            allocated = GC.GetTotalAllocatedBytes() - allocated;
            long allowed = FixedBytes + BytesPerByte * (bytes.Length + parser.Seeds[which].Beside.Sum(b => (long)b.Content.Length));
            failure ??= time > LongestTime ? $"took {time.TotalSeconds:0.0} s" : allocated > allowed ? $"allocated {allocated} bytes for a file of {bytes.Length}" : null;
            if (failure is not null)
                failures.Add($"{parser.Name}, case {i} of seed {seed}: {failure}{Keep(keep, parser, i, bytes)}");
            worst = time > worst ? time : worst;
            most = Math.Max(most, allocated);
        }

        return new FuzzResult(parser.Name, count, accepted, refused, worst, most, failures);
    }

    private static bool IsRead(FuzzParser parser, FuzzSeed seed, string folder)
    {
        string file = Path.Combine(folder, seed.File);
        File.WriteAllBytes(file, seed.Content);
        try
        {
            parser.Parse(file);
            return true;
        }
        catch (InputException)
        {
            return false;
        }
    }

    private static string WriteBeside(FuzzSeed seed, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (file, content) in seed.Beside)
            File.WriteAllBytes(Path.Combine(folder, file), content);
        return folder;
    }

    private static string Keep(string? folder, FuzzParser parser, int i, byte[] bytes)
    {
        if (folder is null)
            return "";
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{parser.Name.Replace(' ', '-')}-{i}-{parser.Seeds[i % parser.Seeds.Count].File}");
        File.WriteAllBytes(path, bytes);
        return $" ({path})";
    }
}
