namespace FedSpine.Engine.Tasks;

/// <summary>Several data files under one path: a * in the file's name stands for the domain, as in "amazon/*.train.tsv".</summary>
internal static class DomainFiles
{
    public static bool Is(string path) => Path.GetFileName(path).Contains('*');

    /// <summary>The files that match, by domain: what the * stands for.</summary>
    /// <exception cref="InputException">More than one *, no folder, or nothing matches.</exception>
    public static IReadOnlyList<(string Path, string Domain)> Find(string path)
    {
        string name = Path.GetFileName(path), folder = Path.GetDirectoryName(path) is { Length: > 0 } given ? given : ".";
        string[] around = name.Split('*');
        if (around.Length != 2)
            throw InputException.InFile(path, "one * stands for the domain; there are several");
        if (!Directory.Exists(folder))
            throw InputException.InFile(path, "no such folder");
        var files = Directory.EnumerateFiles(folder)
            .Select(f => (Path: f, Name: Path.GetFileName(f)))
            .Where(f => f.Name.Length > name.Length - 1 && f.Name.StartsWith(around[0], StringComparison.Ordinal) && f.Name.EndsWith(around[1], StringComparison.Ordinal))
            .Select(f => (f.Path, Domain: f.Name[around[0].Length..^around[1].Length]))
            .OrderBy(f => f.Domain, StringComparer.Ordinal).ToList();
        return files.Count > 0 ? files : throw InputException.InFile(path, "no file matches");
    }
}
