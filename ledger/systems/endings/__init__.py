"""What ends with a credit record: publicity, sharing, sanctions, a listing, its grade."""
