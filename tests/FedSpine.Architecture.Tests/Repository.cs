using System.Xml.Linq;

namespace FedSpine.Architecture.Tests;

/// <summary>The source tree that the tests look at, found from the test's own folder upwards.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>Every project below the top-level folders, by name.</summary>
    public static IReadOnlyDictionary<string, Project> Projects { get; } = Directory
        .EnumerateFiles(Root, "*.csproj", SearchOption.AllDirectories)
        .Where(path => !IsBuildOutput(path))
        .Select(path => new Project(path))
        .ToDictionary(p => p.Name);

    public static IEnumerable<string> SourceFiles { get; } = Projects.Values
        .SelectMany(p => Directory.EnumerateFiles(p.Folder, "*.cs", SearchOption.AllDirectories))
        .Where(path => !IsBuildOutput(path));

    private static bool IsBuildOutput(string path)
    {
        var parts = Path.GetRelativePath(Root, path).Split(Path.DirectorySeparatorChar);
        return parts.Contains("obj") || parts.Contains("bin");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "FedSpine.Engine.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"no FedSpine.Engine.sln above {AppContext.BaseDirectory}");
    }

    internal sealed class Project
    {
        public Project(string path)
        {
            Name = Path.GetFileNameWithoutExtension(path);
            Folder = Path.GetDirectoryName(path)!;
            Xml = XDocument.Load(path);
        }

        public string Name { get; }

        public string Folder { get; }

        public XDocument Xml { get; }

        public IReadOnlyList<string> ProjectReferences =>
            [.. Includes("ProjectReference").Select(p => Path.GetFileNameWithoutExtension(p.Replace('\\', '/')))];

        public IReadOnlyList<string> PackageReferences => [.. Includes("PackageReference")];

        private IEnumerable<string> Includes(string element) =>
            Xml.Descendants(element).Select(e => (string?)e.Attribute("Include")).OfType<string>();
    }
}
