"""From declarations to what the core runs, decided when an application is wired."""
