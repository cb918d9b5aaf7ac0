namespace FedSpine.Engine.Tests;

/// <summary>Where reference values and shared material lie.</summary>
public static class Golden
{
    /// <summary>The project's own case: "roberta" or "llama".</summary>
    public static string Case(string name) => Path.Combine(AppContext.BaseDirectory, "golden", "small", name);

    /// <summary>A path in the shared folder beside the repository (or where FEDSPINE_SHARED points); skips the test when it is not there.</summary>
    public static string Shared(params string[] parts)
    {
        string? root = Environment.GetEnvironmentVariable("FEDSPINE_SHARED");
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); root is null && folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "FedSpine.Engine.sln")))
                root = Path.Combine(folder.FullName, "..", "shared");
        }

        string path = Path.Combine([root ?? "../shared", .. parts]);
        if (!Path.Exists(path))
            Assert.Skip($"{path} is not present");
        return path;
    }
}
